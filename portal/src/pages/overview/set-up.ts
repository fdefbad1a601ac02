import cModule from "./programs/module.c?raw";
import javaModule from "./programs/Module.java?raw";
import netModule from "./programs/Program.cs?raw";
import nodeModule from "./programs/module.mjs.txt?raw";
import nodeService from "./programs/service.mjs.txt?raw";
import pythonModule from "./programs/module.py?raw";
import pythonService from "./programs/service.py?raw";

export const languages = [
  { id: "node", name: "Node.js" },
  { id: "python", name: "Python" },
  { id: "dotnet", name: ".NET" },
  { id: "java", name: "Java" },
  { id: "c", name: "C" },
  { id: "curl", name: "curl, mosquitto" },
] as const;

export type Language = (typeof languages)[number]["id"];

/** Lines for a terminal, or a file to write. */
export interface Step {
  /** The name of the file, or what to do with the lines. */
  readonly title: string;
  readonly text: string;
}

const terminal = "In a terminal";

/**
 * How each language's published SDK reaches a module and trusts the hub's CA, as it can be pasted: a program that shows
 * the desired properties and reports one, and for some a service that reads the report.
 */
export function setUpSteps(language: Language, hostName: string): readonly Step[] {
  switch (language) {
    case "node":
      return [
        file("module.mjs", nodeModule),
        file("service.mjs", nodeService),
        {
          title: terminal,
          text: `npm i azure-iot-device azure-iot-device-mqtt azure-iothub
export NODE_EXTRA_CA_CERTS=twinhub-ca.pem
node module.mjs
node service.mjs`,
        },
      ];
    case "python":
      return [
        file("module.py", pythonModule),
        file("service.py", pythonService),
        {
          title: terminal,
          text: `pip install azure-iot-device azure-iot-hub six
export REQUESTS_CA_BUNDLE=twinhub-ca.pem
python3 module.py
python3 service.py`,
        },
      ];
    case "dotnet":
      return [
        {
          title: terminal,
          text: `dotnet new console
dotnet add package Microsoft.Azure.Devices.Client`,
        },
        file("Program.cs", netModule),
        {
          title:
            "In the terminal again (Linux; elsewhere the system's own store has to trust the CA)",
          text: `export SSL_CERT_FILE=twinhub-ca.pem
dotnet run`,
        },
      ];
    case "java":
      return [
        file("Module.java", javaModule),
        {
          title:
            "In a terminal, with com.microsoft.azure.sdk.iot:iot-device-client and what it needs in lib/",
          text: `keytool -importcert -noprompt -alias hub -file twinhub-ca.pem \\
  -keystore trust.p12 -storetype PKCS12 -storepass changeit
java -Djavax.net.ssl.trustStore=trust.p12 -Djavax.net.ssl.trustStorePassword=changeit \\
  -cp 'lib/*' Module.java`,
        },
      ];
    case "c":
      return [file("In a program with azure-iot-sdk-c", cModule)];
    case "curl":
      return [{ title: terminal, text: plainTools(hostName) }];
  }
}

function file(title: string, text: string): Step {
  return { title, text: text.trimEnd() };
}

function plainTools(hostName: string): string {
  return `export NODE_EXTRA_CA_CERTS=twinhub-ca.pem
curl --cacert twinhub-ca.pem -H "Authorization: $(twinhub generate-sas-token | jq -r .sas)" \\
  "https://${hostName}/devices?api-version=2021-04-12"

TOKEN=$(twinhub generate-sas-token --device-id d1 --module-id m1 | jq -r .sas)
mosquitto_pub --cafile twinhub-ca.pem -h ${hostName} -p 8883 -V mqttv311 -q 1 -i d1/m1 \\
  -u "${hostName}/d1/m1/?api-version=2021-04-12" -P "$TOKEN" \\
  -t devices/d1/modules/m1/messages/events/ -m '{"hello":"mosquitto"}'`;
}
