import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll } from "vitest";
import type { HubStore } from "../../app/ports.ts";
import { describeStore, suiteTime } from "../conformance/suite.ts";
import { openSqliteStore } from "./store.ts";

const clock = { now: () => suiteTime, after: () => () => {} };
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const root = mkdtempSync(path.join(tmpdir(), "stores-"));
let directories = 0;

afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A journal for a few twins, which every commit uses: rows of twins are written in all the ways that there are. */
const journal = { maxTwins: 3, maxEntries: 5, maxCharacters: 3_000, few: 0, quiet: 1 };

const variants = [
  { durability: "disk", cacheBytes: undefined, journal: undefined, name: "sqlite (disk)" },
  // A cache for a twin or two, so that reads come from the database as well.
  { durability: "os", cacheBytes: 4_000, journal: undefined, name: "sqlite (os, small cache)" },
  { durability: "os", cacheBytes: 4_000, journal, name: "sqlite (os, small journal)" },
] as const;

for (const { durability, cacheBytes, journal: limits, name } of variants) {
  describeStore(name, async () => {
    const directory = path.join(root, String(directories++));
    const open = (at: string): Promise<HubStore> =>
      openSqliteStore({
        directory: at,
        clock,
        partitions: 4,
        durability,
        log: silent,
        cacheBytes,
        journal: limits,
      });
    const store = await open(directory);
    return {
      store,
      reopen: async () => {
        await store.close();
        return open(directory);
      },
      afterCrash: () => {
        const copy = `${directory}-copy`;
        // Another process copies: closing a file here would drop this process's locks on it.
        execFileSync("cp", ["-r", directory, copy]);
        return open(copy);
      },
    };
  });
}
