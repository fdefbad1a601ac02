// Changes a module's twin and sends its telemetry as fast as it can until it is killed. A line for each acknowledged one:
// `V version`, `T number`. What a webhook took stands in a file before it is told so.
import { appendFileSync } from "node:fs";
import { defaultSettings } from "../../dist/app/context.js";
import { createHub } from "../../dist/app/create-hub.js";
import { openSqliteStore } from "../../dist/stores/sqlite/store.js";
import { systemClock as clock, systemRandom as random } from "../../dist/system.js";

const [, , directory, webhookFile, round] = process.argv;
const log = { debug() {}, info() {}, warn() {}, error() {} };
const store = await openSqliteStore({ directory, clock, partitions: 2, durability: "os", log });
const settings = { ...defaultSettings, hostNames: ["hub.example.com"] };

/** Every third request is refused. */
let requests = 0;
const post = async ({ body }) => {
  requests += 1;
  if (requests % 3 === 0) return { status: 503 };
  const messages = JSON.parse(Buffer.from(body).toString());
  const taken = messages.map(({ source, body: one }) =>
    source === "Telemetry" ? `T ${one}` : `V ${one.version}`,
  );
  appendFileSync(webhookFile, `${taken.join("\n")}\n`);
  return { status: 200 };
};
// A retry a second would leave nothing to see.
const hasty = { now: () => clock.now(), after: (delay, work) => clock.after(delay / 1000, work) };
const hub = await createHub({ store, clock: hasty, random, log, settings, post });
const { identities, routing, telemetry, twins } = hub.api;

const owner = {
  kind: "policy",
  policy: "iothubowner",
  rights: ["RegistryRead", "RegistryWrite", "ServiceConnect", "DeviceConnect"],
};
const key = { deviceId: "d1", moduleId: "m1" };
const absent = { kind: "absent" };
if (round === "1") {
  await identities.putDevice(owner, "d1", {}, absent);
  await identities.putModule(owner, key, {}, absent);
  const numbers = { timeoutSeconds: 5, maxDeliveryCount: 100, maxBatchSize: 50 };
  const endpoint = { name: "hook", type: "webhook", url: "https://example.com/", ...numbers };
  await routing.putEndpoint(owner, endpoint, absent);
  const sizes = { partitionCount: 3, retentionTimeInHours: 24, maxPartitionBytes: 2 ** 30 };
  await routing.putEndpoint(owner, { name: "second", type: "log", ...sizes }, absent);
  for (const source of ["DeviceMessages", "TwinChangeEvents"]) {
    const endpointNames = ["events", "hook", "second"];
    const route = { name: source, source, condition: "", endpointNames, isEnabled: true };
    await routing.putRoute(owner, route, absent);
  }
}

const auth = { scope: "device", type: "sas" };
const sender = {
  kind: "identity",
  key,
  generationId: "1",
  auth,
  keyFingerprint: "",
  expires: null,
};
for (let n = Number(round) * 1_000_000; ; n++) {
  const { body } = await twins.patch(owner, key, { tags: { n } }, absent);
  process.stdout.write(`V ${Number(body["version"])}\n`);
  const message = { body: Buffer.from(`${n}`), system: {}, application: new Map() };
  await telemetry.send(sender, message);
  process.stdout.write(`T ${n}\n`);
}
