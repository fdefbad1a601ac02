import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { startProgram } from "../../samples/lines.ts";
import { startedHub, type StartedHub } from "./hub.ts";

const main = path.join(import.meta.dirname, "..", "..", "dist", "cli", "main.js");
const identities = [{ deviceId: "d1" }, { deviceId: "d1", moduleId: "m1" }] as const;

const hubs: StartedHub[] = [];
let root: string | undefined;
afterAll(async () => {
  for (const hub of hubs) await hub.kill();
  if (root !== undefined) await rm(root, { recursive: true, force: true });
});

async function start(data: string): Promise<StartedHub> {
  const hub = await startedHub(data);
  hubs.push(hub);
  return hub;
}

/** The exit code, and what the command printed. */
async function twinhub(...args: readonly string[]): Promise<{ code: number | null; out: string }> {
  const program = startProgram([main, ...args]);
  const code = await program.ended;
  return { code, out: program.lines.join("\n") };
}

/** Writes to twins without a pause; knows what has been acknowledged, and the longest wait for it. */
class Load {
  readonly acknowledged = new Map<string, { version: number; n: number }>();
  readonly telemetry: string[] = [];
  longest = 0;
  #stopped = false;
  readonly #ended: Promise<unknown>;

  constructor(hub: StartedHub, keys: ReadonlyMap<string, string>) {
    this.#ended = Promise.all([
      ...identities.map((identity) => this.#writeTwins(hub, hub.pathOf(identity, "twins"))),
      this.#send(hub, keys.get("/devices/d1/modules/m1") ?? ""),
    ]);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#ended;
  }

  async #writeTwins(hub: StartedHub, target: string): Promise<void> {
    for (let n = 0; !this.#stopped; n++) {
      const began = performance.now();
      const patch = { properties: { desired: { n, filler: "x".repeat(2_000) } }, tags: { n } };
      const { status, body } = await hub.call("PATCH", target, patch);
      expect(status).toBe(200);
      this.longest = Math.max(this.longest, performance.now() - began);
      this.acknowledged.set(target, { version: body.version, n });
    }
  }

  async #send(hub: StartedHub, key: string): Promise<void> {
    const client = await hub.connect(identities[1], key);
    let n = 0;
    const next = (): void => {
      n = (n % 60_000) + 1;
      client.publish("devices/d1/modules/m1/messages/events/", `${this.telemetry.length}`, 1, n);
    };
    const ended = new Promise<void>((resolve) => {
      client.onPacket = (packet) => {
        if (packet.cmd !== "puback") return;
        this.telemetry.push(String(this.telemetry.length));
        if (this.#stopped) resolve();
        else next();
      };
    });
    next();
    await ended;
    client.destroy();
  }
}

describe("a backup of a hub under load", () => {
  it.each(["backup.tar", "backup"])(
    "as %s holds whatever was acknowledged before, and serves the same devices elsewhere",
    { timeout: 300_000 },
    async (name) => {
      root ??= await mkdtemp(path.join(tmpdir(), "twinhub-backup-"));
      const data = path.join(root, `${name}-data`);
      const target = path.join(root, name);
      const hub = await start(data);
      const keys = new Map<string, string>();
      for (const identity of identities) {
        const target = hub.pathOf(identity, "devices");
        const { body } = await hub.call("PUT", target, identity);
        keys.set(target, body.authentication.symmetricKey.primaryKey);
      }
      // Enough for the copy to take a while.
      for (let n = 0; n < 200; n++) {
        const fill = await hub.call("PUT", `/devices/fill${n}`, { deviceId: `fill${n}` });
        expect(fill.status).toBe(200);
      }
      const load = new Load(hub, keys);
      await expect.poll(() => load.telemetry.length, { timeout: 60_000 }).toBeGreaterThan(50);

      const before = new Map(load.acknowledged);
      const sent = load.telemetry.length;
      const made = await twinhub("backup", target, "--data", data);
      expect(made.code).toBe(0);
      expect(JSON.parse(made.out)).toMatchObject({ dataDir: data, files: 5 });
      const during = load.telemetry.length - sent;
      await load.stop();
      // The hub went on meanwhile, and nobody waited as long as a connection waits for another one's lock.
      expect(during).toBeGreaterThan(0);
      expect(load.longest).toBeLessThan(10_000);
      const authority = await readFile(path.join(data, "tls", "ca.pem"), "utf8");
      await hub.kill();
      await rm(data, { recursive: true });

      const elsewhere = path.join(root, `${name}-elsewhere`);
      expect((await twinhub("restore", target, "--data", elsewhere)).code).toBe(0);
      const restored = await start(elsewhere);
      expect(restored.ca).toBe(authority);
      for (const [twin, { version, n }] of before) {
        const { body } = await restored.call("GET", twin);
        expect(body.version).toBeGreaterThanOrEqual(version);
        expect(body.tags.n).toBeGreaterThanOrEqual(n);
        // A whole state: every patch has written both, and each has counted.
        expect(body.properties.desired.n).toBe(body.tags.n);
        expect(body.properties.desired.$version).toBe(body.tags.n + 2);
      }
      for (const identity of identities) {
        const key = keys.get(restored.pathOf(identity, "devices")) ?? "";
        const client = await restored.connect(identity, key);
        client.destroy();
      }
      await restored.kill();
      const bodies = (await restored.logged()).map(({ body }) => body);
      expect(bodies.slice(0, sent)).toEqual(load.telemetry.slice(0, sent));
    },
  );

  it("that was damaged is refused in one line, and a directory in use too", async () => {
    root ??= await mkdtemp(path.join(tmpdir(), "twinhub-backup-"));
    const data = path.join(root, "damage");
    const target = path.join(root, "damaged.tar");
    const hub = await start(data);
    expect((await twinhub("backup", target, "--data", data)).code).toBe(0);
    const inUse = await hub.refusal("restore", target, "--data", data, "--force");
    expect(inUse).toMatch(/^error: data directory .* is in use by process \d+ on /);
    await hub.kill();
    const archive = await readFile(target);
    const changed = Buffer.from(archive);
    const middle = Math.floor(changed.length / 2);
    changed[middle] = (changed[middle] ?? 0) ^ 0xff;
    await writeFile(target, changed);
    const elsewhere = path.join(root, "damage-elsewhere");
    const refused = await hub.refusal("restore", target, "--data", elsewhere);
    expect(refused).toMatch(/^error: The backup is damaged, .*: nothing was restored, use another/);
    await writeFile(target, archive);
    await truncate(target, middle);
    const cut = await hub.refusal("restore", target, "--data", elsewhere);
    expect(cut).toContain("it is no whole archive");
  });
});
