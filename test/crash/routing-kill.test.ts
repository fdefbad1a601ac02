import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import type { EventSource } from "../../src/app/hub.ts";
import type { LoggedMessage } from "../../src/app/ports.ts";
import { openSqliteStore } from "../../src/stores/sqlite/store.ts";
import { MovableClock } from "../../src/testing/movable-clock.ts";
import { AppHub, owner } from "../support/app-hub.ts";

const root = mkdtempSync(path.join(tmpdir(), "routing-kill-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const directory = path.join(root, "data");
const webhookFile = path.join(root, "webhook");
const kills = 15;

function random(below: number): number {
  return Math.floor(Math.random() * below);
}

/** Lets a writer run up to a random moment and kills it there; gives what was acknowledged. */
async function runAndKill(round: number): Promise<readonly string[]> {
  const writer = path.join(import.meta.dirname, "routing-writer.js");
  const args = ["--no-warnings", writer, directory, webhookFile, String(round)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const closed = once(child, "close");
  const acknowledged: string[] = [];
  const enough = random(400) + 20;
  let rest = "";
  child.stdout.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop() ?? "";
    acknowledged.push(...lines);
    if (acknowledged.length >= enough) child.kill("SIGKILL");
  });
  const [, signal] = (await closed) as [number | null, string | null];
  expect([errors, signal]).toEqual(["", "SIGKILL"]);
  return acknowledged;
}

/** What stands in the event log, in the words of the writer. */
async function logged({ events }: Pick<EventSource, "events">): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const { partition, lastSequenceNumber } of await events.partitions(owner)) {
    const messages: LoggedMessage[] = [];
    while (messages.length < lastSequenceNumber)
      messages.push(...(await events.read(owner, partition, messages.length + 1, 1_000)));
    for (const { message } of messages) {
      const text = Buffer.from(message.body).toString();
      if (message.source === "Telemetry") found.add(`T ${text}`);
      else found.add(`V ${(JSON.parse(text) as { version: number }).version}`);
    }
  }
  return found;
}

describe("a hub that is killed while it routes", () => {
  it(
    `has sent every acknowledged change and message to both logs and to its webhook, after ${kills} kills`,
    { timeout: 400_000 },
    async () => {
      const acknowledged: string[] = [];
      for (let round = 1; round <= kills; round++) acknowledged.push(...(await runAndKill(round)));

      const clock = new MovableClock();
      const silent = { debug() {}, info() {}, warn() {}, error() {} };
      const options = { directory, clock, partitions: 2, durability: "os", log: silent } as const;
      const store = await openSqliteStore(options);
      const webhook = new Set(
        existsSync(webhookFile) ? readFileSync(webhookFile, "utf8").split("\n") : [],
      );
      const hub = await AppHub.over(store, clock, {
        post: async ({ body }) => {
          const messages = JSON.parse(Buffer.from(body).toString()) as {
            source: string;
            body: string & { version: number };
          }[];
          for (const { source, body: one } of messages)
            webhook.add(source === "Telemetry" ? `T ${one}` : `V ${one.version}`);
          return { status: 200 };
        },
      });
      const missing = (from: ReadonlySet<string>): readonly string[] =>
        acknowledged.filter((one) => !from.has(one));
      await vi.waitFor(
        async () => {
          expect(missing(await logged(hub.hub))).toEqual([]);
          expect(missing(await logged(await hub.hub.eventSource(owner, "second")))).toEqual([]);
          expect(missing(webhook)).toEqual([]);
        },
        { timeout: 60_000, interval: 200 },
      );
      expect(acknowledged.length).toBeGreaterThan(kills * 20);
      hub.halt();
      await store.close();
    },
  );
});
