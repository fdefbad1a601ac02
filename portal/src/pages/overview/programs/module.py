import os
from azure.iot.device import IoTHubModuleClient

with open("twinhub-ca.pem") as pem:
    client = IoTHubModuleClient.create_from_connection_string(
        os.environ["IOTHUB_MODULE_CONNECTION_STRING"], server_verification_cert=pem.read()
    )
client.connect()
print("desired:", client.get_twin()["desired"])
client.patch_twin_reported_properties({"language": "Python"})
client.shutdown()
