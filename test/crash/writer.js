// Writes as fast as it can and prints a line for each acknowledged write, until it is killed.
// Lines: `T key version` twin, `S key n` session, `I id` identity created, `d id` about to be deleted, `D id` deleted,
// `L partition sequenceNumber body` log, `Q sequence n` queued, `q sequence` about to be taken, `X sequence` taken.
import { writeSync } from "node:fs";
import { openSqliteStore } from "../../dist/stores/sqlite/store.js";

const [, , directory, durability, round] = process.argv;
const log = { debug() {}, info() {}, warn: complain, error: complain };
const store = await openSqliteStore({
  directory,
  clock: { now: Date.now, after: () => () => {} },
  partitions: 2,
  durability,
  log,
  walBytes: 512 * 1024,
});

function complain(fields, message) {
  // What a killed writer leaves behind.
  if (message.startsWith("The write-ahead log ends with")) return;
  process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
}

/**
 * Written before it returns, so that what follows a line has not happened if the line was not heard. `process.stdout`
 * would put it aside while the pipe is full, which it is when the reader is slow.
 */
function say(...words) {
  const bytes = Buffer.from(`${words.join(" ")}\n`);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
}

const random = (below) => Math.floor(Math.random() * below);
const keys = [
  { deviceId: "d1" },
  { deviceId: "d1", moduleId: "m1" },
  { deviceId: "d2", moduleId: "m1" },
  { deviceId: "d2" },
  { deviceId: "d3" },
  { deviceId: "d3", moduleId: "m1" },
];
const textOf = (key) =>
  key.moduleId === undefined ? key.deviceId : `${key.deviceId}/${key.moduleId}`;

/** A twin by hand: `version` = `etagCounter` + `reported.version`. */
function nextTwin(tx, key) {
  const metadata = { t: tx.now };
  const twin = tx.twin(key);
  if (twin === undefined) {
    const section = { value: {}, metadata, version: 1 };
    return {
      tags: {},
      desired: section,
      reported: section,
      etagCounter: 1,
      version: 2,
      modelId: "",
      configurations: {},
    };
  }
  const version = twin.version + 1;
  if (random(3) === 0) {
    return {
      ...twin,
      tags: { n: version, filler: "t".repeat(random(3000)) },
      etagCounter: twin.etagCounter + 1,
      version,
    };
  }
  const value = { n: version, filler: "r".repeat(random(3000)) };
  return { ...twin, reported: { value, metadata, version: twin.reported.version + 1 }, version };
}

/** A report by hand, told to the store as such; at times one that is longer than the rest of the twin. */
function putReport(tx, key, before) {
  const at = tx.now;
  const version = before.version + 1;
  const change = { n: version, [`filler${random(3)}`]: "p".repeat(random(20) === 0 ? 3000 : 3) };
  const { value, metadata, version: reported } = before.reported;
  const times = Object.fromEntries(Object.keys(change).map((name) => [name, { t: at }]));
  const section = {
    value: { ...value, ...change },
    metadata: { t: at, k: { ...metadata.k, ...times } },
    version: reported + 1,
  };
  const twin = { ...before, reported: section, version };
  tx.putReport(key, twin, { change, at });
  return twin;
}

function putTwin(tx, key) {
  const twin = nextTwin(tx, key);
  tx.putTwin(key, twin);
  return twin;
}

async function writeTwins(key) {
  for (;;) {
    const version = await store.transaction(key, (tx) => {
      const before = tx.twin(key);
      const isReport = before !== undefined && random(2) === 0;
      const twin = isReport ? putReport(tx, key, before) : putTwin(tx, key);
      const { etagCounter } = twin;
      tx.emit({
        type: "twinChanged",
        key,
        at: tx.now,
        opType: "updateTwin",
        etagCounter,
        version: twin.version,
      });
      return twin.version;
    });
    say("T", textOf(key), version);
  }
}

async function writeSessions(key) {
  for (let n = 0; ; n++) {
    const filter = `${round}.${n}`;
    await store.transaction(key, (tx) =>
      tx.putSession(key, { subscriptions: [{ filter, qos: 1 }] }),
    );
    say("S", textOf(key), filter);
  }
}

async function writeIdentities(writer) {
  const ids = [];
  for (let n = 0; ; n++) {
    const deviceId = `${round}-${writer}-${n}`;
    await store.transaction({ deviceId }, (tx) => {
      tx.putIdentity({
        deviceId,
        moduleId: "m",
        generationId: "1",
        etagNumber: 1,
        authentication: { type: "none" },
        managedBy: null,
      });
      tx.emit({
        type: "identityCreated",
        key: { deviceId, moduleId: "m" },
        at: tx.now,
        generationId: "1",
      });
    });
    say("I", deviceId);
    ids.push(deviceId);
    await refuse(deviceId);
    if (ids.length < 20) continue;
    const [gone] = ids.splice(random(ids.length), 1);
    say("d", gone);
    await store.transaction({ deviceId: gone }, (tx) =>
      tx.deleteIdentity({ deviceId: gone, moduleId: "m" }),
    );
    say("D", gone);
  }
}

/** A work that fails after it has written must leave nothing behind. */
async function refuse(deviceId) {
  const refused = new Error("refused");
  const work = store.transaction(null, (tx) => {
    tx.putIdentity({
      deviceId: `refused-${deviceId}`,
      generationId: "1",
      etagNumber: 1,
      authentication: { type: "none" },
      status: "enabled",
    });
    tx.emit({ type: "identityCreated", key: { deviceId: "refused" }, at: 0, generationId: "1" });
    throw refused;
  });
  await work.catch((error) => {
    if (error !== refused) throw error;
  });
}

async function appendMessages(partition) {
  for (let n = 0; ; n++) {
    const text = `${round}.${partition}.${n}.`;
    const body = Buffer.from(text + "b".repeat(random(2000)));
    const message = {
      key: keys[1],
      body,
      system: {},
      application: [],
      source: "Telemetry",
      enqueuedTime: Date.now(),
      generationId: "1",
      authMethod: "",
      modelId: "",
    };
    const { sequenceNumber } = await store.eventLog.append(partition, message);
    say("L", partition, sequenceNumber, text);
    if (n % 500 === 499) await store.eventLog.trim(0, 200_000);
  }
}

async function fillQueue() {
  for (let n = 0; ; n++) {
    const sequence = await store.transaction(null, (tx) =>
      tx.addToQueue("q", { n }, Buffer.from(String(n))),
    );
    say("Q", sequence, n);
    if (n % 3 !== 2) continue;
    say("q", sequence);
    await store.transaction(null, (tx) => tx.deleteFromQueue("q", sequence));
    say("X", sequence);
  }
}

async function trimOutbox() {
  for (;;) {
    await store.trimEvents((await store.lastEvent()) - 300);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

say("ready");
await Promise.all([
  ...keys.map((key) => writeTwins(key)),
  ...keys.map((key) => writeSessions(key)),
  writeIdentities(0),
  writeIdentities(1),
  appendMessages(0),
  appendMessages(1),
  appendMessages(1),
  fillQueue(),
  trimOutbox(),
]);
