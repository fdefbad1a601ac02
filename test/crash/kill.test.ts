import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openSqliteStore } from "../../src/stores/sqlite/store.ts";
import { Expectations } from "./expectations.ts";
import { Kills } from "./kills.ts";

const kills = new Kills(100);

const root = mkdtempSync(path.join(tmpdir(), "kill-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const silent = { debug() {}, info() {}, warn() {}, error() {} };

function open(directory: string) {
  const clock = { now: Date.now, after: () => () => {} };
  return openSqliteStore({ directory, clock, partitions: 2, durability: "disk", log: silent });
}

function random(below: number): number {
  return Math.floor(Math.random() * below);
}

/** Lets a writer run up to a random moment and kills it there. */
async function runAndKill(
  directory: string,
  durability: string,
  round: number,
  expectations: Expectations,
): Promise<void> {
  const writer = path.join(import.meta.dirname, "writer.js");
  const child = spawn(
    process.execPath,
    ["--no-warnings", writer, directory, durability, String(round)],
    {
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const closed = once(child, "close");
  // One in ten dies while it opens the store, the others after some acknowledgements.
  let left = random(10) === 0 ? Infinity : random(1_000) + 1;
  if (left === Infinity) killAfter(child, random(250));
  let rest = "";
  child.stdout.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) expectations.heard(line);
    const before = left;
    left -= lines.length;
    if (before > 0 && left <= 0) killAfter(child, random(6));
  });
  const [, signal] = (await closed) as [number | null, string | null];
  expect([errors, signal]).toEqual(["", "SIGKILL"]);
}

function killAfter(child: ChildProcess, milliseconds: number): void {
  setTimeout(() => child.kill("SIGKILL"), milliseconds);
}

describe("a store whose process is killed", () => {
  it(
    `has every acknowledged write after each of ${kills.asked} kills, and no gap`,
    { timeout: kills.timeout },
    async () => {
      let directory = "";
      let expectations = new Expectations();
      let acknowledged = 0;
      for (const round of kills.rounds("store")) {
        // What must be there is compared whole after each kill, so it may not grow for ever.
        if (round % 100 === 1) {
          directory = path.join(root, `data-${round}`);
          expectations = new Expectations();
        }
        const before = expectations.acknowledged;
        // The process alone dies here, so that `os` must lose nothing either.
        await runAndKill(directory, round % 2 === 0 ? "os" : "disk", round, expectations);
        const store = await open(directory);
        try {
          await expectations.check(store);
        } finally {
          await store.close();
        }
        acknowledged += expectations.acknowledged - before;
      }
      kills.report({ scenario: "store", acknowledged, lost: 0 });
      expect(acknowledged).toBeGreaterThan(100 * kills.done);
    },
  );
});
