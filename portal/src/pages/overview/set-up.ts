export const languages = [
  { id: "node", name: "Node.js" },
  { id: "python", name: "Python" },
  { id: "dotnet", name: ".NET" },
  { id: "java", name: "Java" },
  { id: "c", name: "C" },
  { id: "curl", name: "curl, mosquitto" },
] as const;

export type Language = (typeof languages)[number]["id"];

/** How each language's published SDK is told to trust the hub's CA; the file is the one that the page offers. */
export const setUpLines: Readonly<Record<Language, string>> = {
  node: `export NODE_EXTRA_CA_CERTS=twinhub-ca.pem
npm i azure-iot-device azure-iot-device-mqtt azure-iothub

// a module
import { ModuleClient } from "azure-iot-device";
import { Mqtt } from "azure-iot-device-mqtt";
const client = ModuleClient.fromConnectionString(connectionString, Mqtt);
await client.open();
const twin = await client.getTwin();`,
  python: `pip install azure-iot-device azure-iot-hub
export REQUESTS_CA_BUNDLE=twinhub-ca.pem   # services

# a module
from azure.iot.device import IoTHubModuleClient
client = IoTHubModuleClient.create_from_connection_string(
    connection_string, server_verification_cert=open("twinhub-ca.pem").read())
twin = client.get_twin()`,
  dotnet: `dotnet add package Microsoft.Azure.Devices.Client
export SSL_CERT_FILE=twinhub-ca.pem   # Linux; elsewhere the system's store

// a module
var client = ModuleClient.CreateFromConnectionString(connectionString, TransportType.Mqtt);
await client.OpenAsync();
var twin = await client.GetTwinAsync();`,
  java: `keytool -importcert -noprompt -alias twinhub -file twinhub-ca.pem -keystore trust.jks -storepass changeit
java -Djavax.net.ssl.trustStore=trust.jks -Djavax.net.ssl.trustStorePassword=changeit …

// a module
var client = new ModuleClient(connectionString, IotHubClientProtocol.MQTT);
client.open(true);
var twin = client.getTwin();`,
  c: `/* a module: the PEM text as TrustedCerts */
IOTHUB_MODULE_CLIENT_LL_HANDLE client =
    IoTHubModuleClient_LL_CreateFromConnectionString(connectionString, MQTT_Protocol);
IoTHubModuleClient_LL_SetOption(client, OPTION_TRUSTED_CERT, pem);`,
  curl: `curl --cacert twinhub-ca.pem -H "Authorization: $(twinhub generate-sas-token | jq -r .sas)" \\
  "https://HOST/devices?api-version=2021-04-12"

mosquitto_sub --cafile twinhub-ca.pem -h HOST -p 8883 -V mqttv311 -i d1/m1 \\
  -u "HOST/d1/m1/?api-version=2021-04-12" -P "$TOKEN" -t '$iothub/twin/res/#'`,
};
