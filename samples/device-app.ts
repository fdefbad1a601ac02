/**
 * The application on the device: it connects as the module, reports what it knows and listens for desired changes
 * until it is told to end (Ctrl+C).
 *
 *   node dist/device-app.js [--protocol mqtt|mqtt-ws|amqp|amqp-ws]
 *
 * It uses the published `azure-iot-device`, `azure-iot-device-mqtt` and `azure-iot-device-amqp` packages as they are.
 * The hub's certificate is trusted through NODE_EXTRA_CA_CERTS, or through IOTHUB_CA_FILE, which shows the client's own option.
 */
import { parseArgs } from "node:util";
import device from "azure-iot-device";
import type { ModuleClient, Twin } from "azure-iot-device";
import deviceAmqp from "azure-iot-device-amqp";
import deviceMqtt from "azure-iot-device-mqtt";
import { addressIn, connectionStringFrom, run, text, withoutVersion } from "./shared.ts";

const transports = {
  mqtt: deviceMqtt.Mqtt,
  "mqtt-ws": deviceMqtt.MqttWs,
  amqp: deviceAmqp.Amqp,
  "amqp-ws": deviceAmqp.AmqpWs,
};
type Protocol = keyof typeof transports;

await run(async () => {
  const { values } = parseArgs({ options: { protocol: { type: "string", default: "mqtt" } } });
  const { protocol } = values;
  if (!isProtocol(protocol)) {
    const known = Object.keys(transports).join(", ");
    throw new Error(`--protocol must be one of ${known}, but is ${protocol}`);
  }

  const connectionString = connectionStringFrom("IOTHUB_MODULE_CONNECTION_STRING");
  const client = device.ModuleClient.fromConnectionString(connectionString, transports[protocol]);
  const caFile = process.env["IOTHUB_CA_FILE"];
  if (caFile !== undefined) await client.setOptions({ ca: caFile });
  endOnSignal(client);

  await client.open();
  const { hostName, identity } = addressIn(connectionString);
  console.log(`connected to ${hostName} as ${identity} over ${protocol}`);

  const twin = await client.getTwin();
  console.log(`desired properties: ${text(twin.properties.desired)}`);
  console.log(`reported properties: ${text(twin.properties.reported)}`);

  await watch(twin);
  const properties = {
    DateTimeLastAppLaunch: new Date().toISOString(),
    firmwareVersion: "1.2.3",
    weather: { temperature: 72, humidity: 41 },
  };
  await report(twin, properties);
  console.log(`reported ${text(properties)}`);
  // The hub carries out a connection's requests in order: the answer to the report proves that the subscription stands.
  console.log("ready for desired changes");
});

function isProtocol(name: string): name is Protocol {
  return Object.hasOwn(transports, name);
}

function endOnSignal(client: ModuleClient): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      void client.close().then(() => console.log("closed"));
    });
  }
}

/** Prints what changes: in all desired properties, in one group of them, and in one value. */
async function watch(watched: Twin): Promise<void> {
  let started = false;
  const on = (path: string, print: (change: unknown) => void): void => {
    watched.on(path, (change: unknown) => {
      if (started) print(change);
    });
  };
  on("properties.desired", (change) => {
    const version = (change as { $version: number }).$version;
    console.log(`desired change, version ${version}: ${text(withoutVersion(change))}`);
  });
  on("properties.desired.climate", (change) => console.log(`climate: ${text(change)}`));
  on("properties.desired.climate.maxTemperature", (change) =>
    console.log(`climate.maxTemperature: ${text(change)}`),
  );
  // A listener first hears, in the next tick, of what the twin holds already. That was printed above.
  await new Promise((resolve) => setImmediate(resolve));
  started = true;
}

/** Resolves when the hub has stored the properties. */
async function report(reporting: Twin, properties: object): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    reporting.properties.reported["update"](properties, (error?: Error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}
