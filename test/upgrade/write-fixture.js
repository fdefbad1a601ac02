// Writes the fixture of today's schema: `npm run build && node test/upgrade/write-fixture.js`. To be done once, when a
// migration has been added and before anything is released with it; a fixture is never written anew.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";

import { sasToken } from "../../bench/sas.js";

/** What a hub is asked when its fixture is written, and ever after. */
const looks = [
  "/devices?top=100",
  "/devices/d1/modules",
  "/devices/d1",
  "/devices/disabled",
  "/devices/x509",
  "/twins/d1",
  "/twins/d1/modules/m1",
  "/twins/d1/modules/m2",
  "/twins/edge",
  "/statistics/devices",
  "/$hub/policies",
  "/$hub/indexes",
  "/$hub/consumer-groups",
  "/$hub/routes",
  "/configurations/quiet",
  "/$hub/events/partitions",
];

const { values } = parseArgs({
  options: { dist: { type: "string", default: path.join(import.meta.dirname, "../../dist") } },
});
const load = (/** @type {string} */ file) => import(path.resolve(values.dist, file));
const { startHub } = await load("testing/index.js");
const { openSqliteStore } = await load("stores/sqlite/store.js");

const directory = mkdtempSync(path.join(os.tmpdir(), "twinhub-fixture-"));
const silent = { debug() {}, info() {}, warn() {}, error() {} };
try {
  const hub = await startHub({ dataDir: directory, partitions: 2 });
  await fill(hub);
  /** @type {Record<string, unknown>} */
  const answers = {};
  for (const look of looks) answers[look] = (await must(hub, "GET", look)).body;
  const time = hub.clock.now();
  await hub.stop();

  const store = await openSqliteStore({
    directory,
    clock: { now: () => time, after: () => () => {} },
    partitions: 2,
    durability: "disk",
    log: silent,
  });
  const session = { subscriptions: [{ filter: "$iothub/methods/POST/#", qos: 1 }] };
  await store.transaction(null, (/** @type {any} */ tx) =>
    tx.putSession({ deviceId: "d1", moduleId: "m1" }, session),
  );
  const messages = [];
  for (const partition of [0, 1]) {
    for (const { sequenceNumber, message } of await store.eventLog.read(partition, 1, 100)) {
      const body = Buffer.from(message.body).toString();
      messages.push({ partition, sequenceNumber, body, enqueuedTime: message.enqueuedTime });
    }
  }
  const events = await store.events(0, 1_000);
  await store.close();

  const { sql, schema } = dump(path.join(directory, "hub.db"));
  const name = path.join(
    import.meta.dirname,
    "fixtures",
    `schema-${String(schema).padStart(4, "0")}`,
  );
  writeFileSync(`${name}.sql.gz`, gzipSync(sql));
  const expected = { time, answers, session, messages, events };
  writeFileSync(`${name}.json`, `${JSON.stringify(expected, null, 1)}\n`);
  process.stdout.write(`${name}.sql.gz: ${sql.length} characters\n`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}

/** @param {any} hub @param {string} method @param {string} route @param {unknown} [body] @param {object} [headers] */
async function must(hub, method, route, body, headers) {
  const answer = await hub.call(method, route, body, headers);
  if (answer.status >= 300) throw new Error(`${method} ${route}: ${JSON.stringify(answer)}`);
  return answer;
}

/** Something in every corner: the state of a small hub. @param {any} hub */
async function fill(hub) {
  const d1 = await hub.createDevice("d1");
  const m1 = await hub.createModule("d1", "m1");
  await hub.createModule("d1", "m2");
  await hub.createDevice("disabled", { status: "disabled", statusReason: "a test" });
  await hub.createDevice("edge", { capabilities: { iotEdge: true } });
  const thumbprint = "AB".repeat(20);
  const x509Thumbprint = { primaryThumbprint: thumbprint, secondaryThumbprint: null };
  await hub.call("PUT", "/devices/x509", {
    deviceId: "x509",
    authentication: { type: "selfSigned", x509Thumbprint },
  });
  await hub.call("PUT", "/devices/ca", {
    deviceId: "ca",
    authentication: { type: "certificateAuthority" },
  });
  for (const [index, twin] of ["/twins/d1", "/twins/d1/modules/m1"].entries()) {
    for (let n = 1; n <= 3; n++) {
      await must(hub, "PATCH", twin, {
        tags: { site: `plant-${index}`, umlaut: "Größe 🌡️" },
        properties: {
          desired: { n, nested: { deep: [1, 2.5, true, "x"] }, gone: n < 3 ? n : null },
        },
      });
    }
  }
  for (const { primaryKey, deviceId, moduleId } of [d1, m1]) {
    const self = `/devices/${deviceId}${moduleId === undefined ? "" : `/modules/${moduleId}`}`;
    const authorization = sasToken(`${hub.hostName}${self}`, primaryKey);
    for (let n = 0; n < 5; n++) {
      const headers = {
        authorization,
        "iothub-app-place": "roof",
        "content-type": "application/json",
      };
      await must(hub, "POST", `${self}/messages/events`, { reading: n, of: self }, headers);
    }
  }
  for (const text of ["first", "second"])
    await must(hub, "POST", "/devices/d1/messages/deviceBound", { text }, { "iothub-ack": "full" });
  await must(hub, "PUT", "/$hub/policies/robots", { rights: ["DeviceConnect"] });
  await must(hub, "POST", "/$hub/indexes", { path: "tags.site" });
  await must(hub, "PUT", "/$hub/consumer-groups/readers", {});
  await must(hub, "PUT", "/$hub/routes/twins", {
    source: "TwinChangeEvents",
    condition: "true",
    endpointNames: ["events"],
    isEnabled: true,
  });
  await must(hub, "PUT", "/configurations/quiet", {
    id: "quiet",
    content: { deviceContent: { "properties.desired.quiet": true } },
    targetCondition: "tags.site='nowhere'",
    priority: 5,
  });
}

/** All tables as SQL text. @param {string} file */
function dump(file) {
  const require = createRequire(import.meta.url);
  const Database = require("libsql");
  const database = new Database(file);
  const all = (/** @type {string} */ sql) => database.prepare(sql).all([]);
  const lines = [];
  for (const { sql } of all(
    "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND type = 'table'",
  ))
    lines.push(`${sql};`);
  const tables = all("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
  for (const { name } of tables) {
    for (const row of all(`SELECT * FROM ${name}`)) {
      const literals = Object.values(row).map(literal);
      lines.push(`INSERT INTO ${name} VALUES (${literals.join(", ")});`);
    }
  }
  for (const { sql } of all(
    "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND type = 'index'",
  ))
    lines.push(`${sql};`);
  const [{ schema }] = all("SELECT max(number) AS schema FROM migrations");
  database.close();
  return { sql: `${lines.join("\n")}\n`, schema };
}

/** @param {unknown} value */
function literal(value) {
  if (value === null) return "NULL";
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return `'${value.replaceAll("'", "''")}'`;
  return `X'${Buffer.from(/** @type {ArrayBuffer} */ (value)).toString("hex")}'`;
}
