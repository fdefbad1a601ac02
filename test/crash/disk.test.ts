import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import type { MqttClient } from "../support/mqtt-client.ts";
import { type StartedHub, startedHub } from "./hub.ts";

// The same faults at the level of the store, on any machine: src/stores/sqlite/disk.test.ts.

const root = mkdtempSync(path.join(tmpdir(), "twinhub-disk-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const library = path.join(root, "slow-disk.so");
const source = path.join(import.meta.dirname, "slow-disk.c");
const compiled = spawnSync("gcc", ["-shared", "-fPIC", "-O1", "-o", library, source]);
/** Only Linux has what the library hooks into; the store's own tests of a faulty disk run everywhere. */
const isLinux = process.platform === "linux";

const identities = [{ deviceId: "d1" }, { deviceId: "d1", moduleId: "m1" }] as const;

let hubs = 0;
let hub: StartedHub;
let data: string;
let control: string;
const clients = new Map<string, MqttClient>();

function disk(mode: "ok" | "full" | "eio" | `slow ${number}`): void {
  writeFileSync(control, mode);
}

async function start(): Promise<void> {
  process.env["LD_PRELOAD"] = library;
  process.env["DISK_CONTROL"] = control;
  try {
    hub = await startedHub(data);
  } finally {
    delete process.env["LD_PRELOAD"];
    delete process.env["DISK_CONTROL"];
  }
}

beforeEach(async () => {
  if (compiled.status !== 0)
    throw new Error("slow-disk.c needs a C compiler: apt-get install gcc libc6-dev");
  data = path.join(root, `data-${hubs++}`);
  control = `${data}.mode`;
  disk("ok");
  await start();
  for (const identity of identities) {
    const self = hub.pathOf(identity, "devices");
    const { body } = await hub.call("PUT", self, identity);
    const client = await hub.connect(identity, body.authentication.symmetricKey.primaryKey);
    clients.set(self, client);
  }
});
afterEach(async () => {
  for (const client of clients.values()) client.destroy();
  clients.clear();
  await hub.kill();
});

/** Flushes since the disk is slow. */
function flushes(): number {
  return statSync(`${control}.flushes`, { throwIfNoEntry: false })?.size ?? 0;
}

/** The next packet of this kind. */
function next(client: MqttClient, cmd: string): Promise<void> {
  return new Promise((resolve) => {
    client.onPacket = (packet) => {
      if (packet.cmd === cmd) resolve();
    };
  });
}

describe.runIf(isLinux)("a hub on a disk that takes 100 ms for a flush", () => {
  it("takes many answers with each flush, and keep-alives go on", async () => {
    const writers = 60;
    const each = 5;
    // Connections first: they are not what is slow.
    await Promise.all(Array.from({ length: writers }, () => hub.call("GET", "/devices/d1")));
    disk("slow 100");
    const state = { writing: true };
    const pings = [...clients.values()].map(async (client) => {
      let mostFlushes = 0;
      let count = 0;
      for (; state.writing; count++) {
        const sent = flushes();
        const answered = next(client, "pingresp");
        client.send({ cmd: "pingreq" });
        await answered;
        mostFlushes = Math.max(mostFlushes, flushes() - sent);
      }
      return { mostFlushes, count };
    });
    await Promise.all(
      Array.from({ length: writers }, async (_, writer) => {
        const twin = hub.pathOf(identities[writer % 2] ?? identities[0], "twins");
        for (let n = 0; n < each; n++) {
          const { status } = await hub.call("PATCH", twin, { tags: { [`w${writer % 20}`]: n } });
          expect(status).toBe(200);
        }
      }),
    );
    state.writing = false;
    expect(flushes()).toBeGreaterThanOrEqual(each);
    expect(flushes()).toBeLessThan((writers * each) / 4);
    for (const { mostFlushes, count } of await Promise.all(pings)) {
      // Flushes are what the machine's own speed does not change.
      expect(mostFlushes).toBeLessThan(50);
      expect(count).toBeGreaterThan(each / 2);
    }
  });
});

describe.runIf(isLinux)("a hub on a disk that is", () => {
  it.each([
    ["full", "is full: nothing was written, free some space and try again"],
    ["eio", "reports errors: nothing was written, check the disk"],
  ] as const)("%s acknowledges nothing, reads on, and recovers by itself", async (mode, text) => {
    const twins = identities.map((identity) => hub.pathOf(identity, "twins"));
    for (const twin of twins)
      expect((await hub.call("PATCH", twin, { tags: { kept: true } })).status).toBe(200);
    disk(mode);
    for (const twin of twins) {
      const refused = await hub.call("PATCH", twin, { tags: { lost: true } });
      expect(refused.status).toBe(503);
      expect(refused.body.Message).toContain(text);
      const { status, body } = await hub.call("GET", twin);
      expect([status, body.tags]).toEqual([200, { kept: true }]);
    }
    // Telemetry gets no PUBACK: the connection ends, and the client sends it again later.
    for (const identity of identities) {
      const client = clients.get(hub.pathOf(identity, "devices"));
      if (client === undefined) throw new Error("not connected");
      let acknowledged = false;
      client.onPacket = (packet) => {
        if (packet.cmd === "puback") acknowledged = true;
      };
      const topic = `${hub.pathOf(identity, "devices").slice(1)}/messages/events/`;
      client.publish(topic, "lost", 1, 7);
      await client.closed;
      expect(acknowledged).toBe(false);
    }

    disk("ok");
    for (const twin of twins)
      expect((await hub.call("PATCH", twin, { tags: { after: true } })).status).toBe(200);
    await hub.kill();
    await start();
    for (const twin of twins) {
      const { body } = await hub.call("GET", twin);
      expect(body.tags).toEqual({ kept: true, after: true });
    }
    await hub.kill();
    expect(await hub.logged()).toEqual([]);
  });
});

describe("two hubs on one data directory", () => {
  it("are one too many: the second is told of the first, and may begin when that was killed", async () => {
    const refused = await hub.refusal("start", "--data", data, "--https-port", "0");
    expect(refused).toMatch(
      /^error: data directory \S+ is in use by process \d+ on \S+ since \d{4}-\S+Z$/,
    );
    const pid = /process (\d+)/.exec(refused)?.[1];
    await hub.kill();
    await start();
    const again = await hub.refusal("start", "--data", data, "--https-port", "0");
    expect(/process (\d+)/.exec(again)?.[1]).not.toBe(pid);
    expect((await hub.call("GET", "/devices/d1")).status).toBe(200);
  });
});
