import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import type { CommittedEvent, Session } from "../../src/app/ports.ts";
import { findDriver } from "../../src/stores/sqlite/find-driver.ts";
import { readMigrations } from "../../src/stores/sqlite/migrate.ts";
import { openSqliteStore } from "../../src/stores/sqlite/store.ts";
import { MovableClock, startHub } from "../../src/testing/index.ts";
import { createSasToken } from "../../src/wire/sas-token.ts";

const fixtures = path.join(import.meta.dirname, "fixtures");
const root = mkdtempSync(path.join(tmpdir(), "upgrade-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** What `write-fixture.js` has noted beside the data. */
interface Expected {
  readonly time: number;
  readonly answers: Readonly<Record<string, unknown>>;
  readonly session: Session;
  readonly messages: readonly {
    readonly partition: number;
    readonly sequenceNumber: number;
    readonly body: string;
    readonly enqueuedTime: number;
  }[];
  readonly events: readonly CommittedEvent[];
}

const schemas = readdirSync(fixtures)
  .filter((name) => name.endsWith(".sql.gz"))
  .map((name) => name.slice(0, -".sql.gz".length));

/** A data directory as the version left it that had this schema. */
function dataOf(schema: string, name: string): { directory: string; expected: Expected } {
  const directory = path.join(root, `${schema}-${name}`);
  mkdirSync(directory);
  const driver = findDriver().open(path.join(directory, "hub.db"));
  driver.exec(gunzipSync(readFileSync(path.join(fixtures, `${schema}.sql.gz`))).toString("utf8"));
  driver.close();
  const text = readFileSync(path.join(fixtures, `${schema}.json`), "utf8");
  return { directory, expected: JSON.parse(text) as Expected };
}

describe.each(schemas)("data with %s", (schema) => {
  it("is served by today's hub as it was, to the same devices and modules", async () => {
    const { directory, expected } = dataOf(schema, "hub");
    const clock = new MovableClock(expected.time + 1_000);
    const hub = await startHub({ dataDir: directory, partitions: 2, clock });
    try {
      for (const [look, answer] of Object.entries(expected.answers)) {
        const { status, body } = await hub.call("GET", look);
        expect([look, status]).toEqual([look, 200]);
        // A newer hub may tell more.
        expect([look, body]).toMatchObject([look, answer]);
      }
      for (const self of ["/devices/d1", "/devices/d1/modules/m1"]) {
        const { body } = await hub.call("GET", self);
        const key = body.authentication.symmetricKey.primaryKey;
        const resource = `${hub.hostName}${self}`;
        const expiry = Math.floor(clock.now() / 1000) + 60;
        const authorization = createSasToken({ resource, key, expiry });
        const sent = await hub.call("POST", `${self}/messages/events`, {}, { authorization });
        expect(sent.status).toBe(204);
        const patch = { properties: { desired: { n: 4 } } };
        const twin = await hub.call("PATCH", self.replace("devices", "twins"), patch);
        expect(twin.body.properties.desired).toMatchObject({ n: 4, $version: 5 });
      }
    } finally {
      await hub.stop();
    }
  });

  it("keeps its sessions, telemetry with its numbers, and events", async () => {
    const { directory, expected } = dataOf(schema, "store");
    const clock = { now: () => expected.time, after: () => () => {} };
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const store = await openSqliteStore({
      directory,
      clock,
      partitions: 2,
      durability: "os",
      log,
    });
    try {
      const key = { deviceId: "d1", moduleId: "m1" };
      expect(await store.transaction(null, (tx) => tx.session(key))).toEqual(expected.session);
      const rows = await Promise.all([0, 1].map((each) => store.eventLog.read(each, 1, 100)));
      const messages = rows.flat().map(({ partition, sequenceNumber, message }) => {
        const body = Buffer.from(message.body).toString();
        return { partition, sequenceNumber, body, enqueuedTime: message.enqueuedTime };
      });
      expect(messages).toEqual(expected.messages);
      expect(messages.length).toBeGreaterThan(9);
      expect(await store.events(0, 1_000)).toEqual(expected.events);
      expect(await store.transaction(null, (tx) => tx.counts())).toMatchObject({ devices: 5 });
    } finally {
      await store.close();
    }
  });
});

describe("the schema", () => {
  it("has a fixture of each version but the newest, which may not have been released yet", () => {
    const earlier = readMigrations()
      .slice(0, -1)
      .map(({ number }) => `schema-${String(number).padStart(4, "0")}`);
    expect(schemas).toEqual(expect.arrayContaining(earlier));
    expect(schemas).not.toEqual([]);
  });

  it("of a newer version than the hub's is refused in one line, and the data is left as it is", async () => {
    const { directory } = dataOf(schemas[0] ?? "", "newer");
    const driver = findDriver().open(path.join(directory, "hub.db"));
    driver.exec("INSERT INTO migrations VALUES (9999, '9999-future.sql', 'x', 0)");
    driver.close();
    await expect(startHub({ dataDir: directory })).rejects.toMatchObject({
      reason: "newerSchema",
      message: `data directory ${directory} was written by a newer version of the hub (it has migration 9999-future.sql): start that version, or use another directory`,
    });
    const again = findDriver().open(path.join(directory, "hub.db"));
    const count = again.prepare("SELECT count(*) AS n FROM identities").get([]);
    again.close();
    expect(count).toMatchObject({ n: 9 });
  });
});
