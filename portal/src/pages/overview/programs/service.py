import os
from azure.iot.hub import IoTHubRegistryManager

registry = IoTHubRegistryManager.from_connection_string(os.environ["IOTHUB_CONNECTION_STRING"])
print("reported:", registry.get_module_twin("d1", "m1").properties.reported)
