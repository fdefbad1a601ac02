import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { freeAddress, startHubProcess } from "../../samples/hub-process.ts";
import type { HubProcess } from "../../samples/hub-process.ts";
import {
  closeClients,
  kinds,
  once,
  openClient,
  plain,
  register,
  report,
  trust,
  watch,
} from "./support.ts";
import type { HubAddress, Subject } from "./support.ts";

const main = path.join(import.meta.dirname, "..", "..", "dist", "cli", "main.js");

let address: string;
let data: string;
let running: HubProcess | undefined;

beforeAll(async () => {
  address = await freeAddress(Array.from({ length: 100 }, (_, index) => `127.0.77.${index + 1}`));
});
afterEach(async () => {
  await closeClients();
  await running?.stop();
  running = undefined;
  await rm(data, { recursive: true, force: true });
});
afterAll(async () => running?.stop());

async function startHub(): Promise<HubAddress> {
  running = await startHubProcess(main, address, ["--data", data, "--log-level", "warn"]);
  const hub = { ...running, caPem: await readFile(running.caFile, "utf8") };
  trust(hub);
  return hub;
}

async function kill(): Promise<void> {
  running?.program.kill("SIGKILL");
  await running?.program.ended;
  running = undefined;
}

describe.each(kinds)("a hub that is killed and started again on its data, and a %s", (kind) => {
  it("keeps every acknowledged write, and the client hears of desired changes again without a new subscription", async () => {
    data = await mkdtemp(path.join(tmpdir(), "twinhub-restart-"));
    const before = await startHub();
    const subject = await register(before, kind);
    const client = await openClient(before, subject, { retry: true });
    const { twin, changes } = await watch(client);
    await report(twin, { battery: 80 });
    await subject.patch({ tags: { room: "a" }, properties: { desired: { speed: 1 } } });
    expect(await changes.next()).toEqual({ speed: 1, $version: 2 });

    const back = once(client, "connect");
    await kill();
    const after = await startHub();
    expect(after.connectionString).toBe(before.connectionString);
    expect(after.caPem).toBe(before.caPem);
    await expectState(subject, { battery: 80 });

    await back;
    await subject.desired({ speed: 2 });
    expect(await changes.next()).toEqual({ speed: 2, $version: 3 });
    await report(twin, { battery: 79 });
    await expectState(subject, { battery: 79 });
  });
});

describe("a hub that is told to end", () => {
  it("ends with code 0 while a client is connected, and keeps what it holds", async () => {
    data = await mkdtemp(path.join(tmpdir(), "twinhub-restart-"));
    const hub = await startHub();
    const subject = await register(hub, "module");
    const client = await openClient(hub, subject);
    await report(await client.getTwin(), { battery: 80 });
    expect(await running?.stop()).toBe(0);
    running = undefined;
    await startHub();
    expect(plain((await subject.twin()).properties.reported)).toEqual({ battery: 80 });
  });
});

async function expectState(subject: Subject, reported: object): Promise<void> {
  const twin = await subject.twin();
  expect(twin.tags).toEqual({ room: "a" });
  expect(plain(twin.properties.reported)).toEqual(reported);
}
