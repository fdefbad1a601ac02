import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HubStore, ScanPlan, TwinRow } from "../../app/ports.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { Expression } from "../../domain/query/ast.ts";
import { parseIndexPath } from "../../domain/query/index-path.ts";
import { parseQuery } from "../../domain/query/parse.ts";
import { newTwin } from "../../domain/twin/twin.ts";
import { device, module, reported } from "../conformance/samples.ts";
import { findDriver } from "./find-driver.ts";
import { openSqliteStore } from "./store.ts";

const clock = { now: () => 1_750_000_000_000, after: () => () => {} };
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const root = mkdtempSync(path.join(tmpdir(), "scan-"));
const open = (): Promise<HubStore> =>
  openSqliteStore({ directory: root, clock, partitions: 1, durability: "os", log: silent });

/** SQLite counts each change of a schema. */
function schemaVersion(): number {
  const driver = findDriver().open(path.join(root, "hub.db"));
  try {
    return Number(driver.prepare("PRAGMA schema_version").get([])?.["schema_version"]);
  } finally {
    driver.close();
  }
}

const kinds = ["devices", "devices.modules"] as const;
const count = 9_000;
let store: HubStore;

beforeAll(async () => {
  store = await open();
  for (let at = 0; at < count; at += 1_000) {
    await store.transaction(null, (tx) => {
      for (let n = at; n < at + 1_000; n++) {
        const deviceId = `d${String(n).padStart(5, "0")}`;
        for (const key of [{ deviceId }, { deviceId, moduleId: "m" }]) {
          tx.putIdentity("moduleId" in key ? module(deviceId, "m") : device(deviceId));
          tx.putTwin(key, reported(newTwin(0), contentOf(n)));
        }
      }
    });
  }
});
afterAll(async () => {
  await store.close();
  rmSync(root, { recursive: true });
});

function contentOf(n: number): JsonObject {
  return { firmware: `1.${n % 3000}`, battery: n / 10, site: n % 3 === 0 ? null : n % 3 };
}

function whereOf(source: string, condition: string): Expression | null {
  return parseQuery(`SELECT * FROM ${source} WHERE ${condition}`).where;
}

const id = ({ identity }: TwinRow): number => Number(identity.deviceId.slice(1));

async function scan(
  source: (typeof kinds)[number],
  condition: string,
): Promise<{ readonly numbers: readonly number[]; readonly steps: number }> {
  const where = whereOf(source, condition);
  const numbers: number[] = [];
  let steps = 0;
  let after: IdentityKey | null = null;
  do {
    const page = await store.scanTwins({ source, where, after, limit: 100 });
    numbers.push(...page.rows.map(id));
    after = page.next;
    steps++;
  } while (after !== null);
  return { numbers, steps };
}

const all = Array.from({ length: count }, (_, n) => n);

describe.each(kinds)("a scan of %s", (source) => {
  const paths = ["properties.reported.firmware", "properties.reported.battery"];
  const plan = async (condition: string): Promise<ScanPlan | null> =>
    store.explainScan({ source, where: whereOf(source, condition) });
  const isWanted = (n: number): boolean => n % 3000 === 7;
  const found = all.filter(isWanted);

  it("goes over everything in steps, and finds what is far apart", async () => {
    await store.ensureIndexes([]);
    const { numbers, steps } = await scan(source, "properties.reported.firmware = '1.7'");
    expect(numbers).toEqual(found);
    expect(steps).toBeGreaterThan(1);
    expect((await plan("properties.reported.firmware = '1.7'"))?.index).toBeNull();
  });

  it("uses a declared index for what is equal, in the order of keys, without a sort", async () => {
    expect(await store.ensureIndexes(paths.map(parseIndexPath))).toBe(true);
    const condition = "properties.reported.firmware = '1.7' AND properties.reported.battery >= 0";
    const { index, steps } = (await plan(condition)) ?? { index: null, steps: [] };
    expect(index).toEqual(["properties", "reported", "firmware"]);
    expect(steps.join("\n")).toMatch(/USING (?:COVERING )?INDEX twins_by_text_\w+ \(<expr>=\?/);
    expect(steps.join("\n")).not.toContain("TEMP B-TREE");
    expect(await scan(source, condition)).toEqual({ numbers: found, steps: 1 });
    const either = "properties.reported.firmware IN ['1.7', '1.8']";
    const others = all.filter((n) => n % 3000 === 7 || n % 3000 === 8);
    expect((await scan(source, either)).numbers).toEqual(others);
  });

  it.each([
    ["battery > 899.7", (n: number) => n > 8997],
    ["battery >= 899.7", (n: number) => n >= 8997],
    ["battery < 0.3", (n: number) => n < 3],
    ["battery <= 0.3", (n: number) => n <= 3],
  ])("uses a declared index for the narrow range %s", async (range, isIn) => {
    await store.ensureIndexes(paths.map(parseIndexPath));
    const condition = `properties.reported.${range}`;
    const steps = (await plan(condition))?.steps.join("\n");
    expect(steps).toMatch(/USING (?:COVERING )?INDEX twins_by_value_\w+/);
    expect(await scan(source, condition)).toEqual({ numbers: all.filter(isIn), steps: 1 });
  });

  it("goes by keys where a range of an index holds many", async () => {
    await store.ensureIndexes(paths.map(parseIndexPath));
    const { index } = (await plan("properties.reported.battery > 10")) ?? { index: [] };
    expect(index).toBeNull();
    const { numbers } = await scan(source, "properties.reported.battery > 10");
    expect(numbers).toEqual(all.filter((n) => n > 100));
  });

  it("counts and groups in steps, by index and without", async () => {
    for (const indexes of [[], paths]) {
      await store.ensureIndexes(indexes.map(parseIndexPath));
      expect(await groups(source, "properties.reported.firmware = '1.7'")).toEqual({ "": 3 });
      expect(await groups(source, "properties.reported.battery < 10", "site")).toEqual({
        null: 34,
        1: 33,
        2: 33,
      });
      expect(await groups(source, "true", "nothing")).toEqual({ undefined: count });
    }
    const where = whereOf(source, "ENDSWITH(properties.reported.firmware, '7')");
    expect(await store.groupTwins({ source, where, paths: [], after: null, limit: 10 })).toBeNull();
  });

  it("sees what is written after a question for a plan and a change of indexes", async () => {
    for (const indexes of [paths, [], paths]) {
      await store.ensureIndexes(indexes.map(parseIndexPath));
      await plan("properties.reported.firmware = '1.7'");
      const key =
        source === "devices" ? { deviceId: "d00000" } : { deviceId: "d00000", moduleId: "m" };
      const written = `new ${indexes.length} ${performance.now()}`;
      await store.transaction(key, (tx) =>
        tx.putTwin(key, reported(newTwin(0), { firmware: written, site: null, battery: 0 })),
      );
      const { numbers } = await scan(source, `properties.reported.firmware = '${written}'`);
      expect(numbers).toEqual([0]);
    }
  });

  it("keeps its indexes when the store is opened again", async () => {
    await store.ensureIndexes(paths.map(parseIndexPath));
    await store.close();
    store = await open();
    const before = schemaVersion();
    expect(before).toBeGreaterThan(0);
    await store.ensureIndexes(paths.map(parseIndexPath));
    // Nothing is built: it is a question to the schema.
    expect(schemaVersion()).toBe(before);
    expect((await plan("properties.reported.firmware = '1.7'"))?.index).not.toBeNull();
  });
});

async function groups(
  source: (typeof kinds)[number],
  condition: string,
  member?: string,
): Promise<Readonly<Record<string, number>>> {
  const sums: Record<string, number> = {};
  const paths =
    member === undefined
      ? []
      : [{ kind: "path", of: "row", segments: ["properties", "reported", member] } as const];
  let after: IdentityKey | null = null;
  do {
    const step = await store.groupTwins({
      source,
      where: whereOf(source, condition),
      paths,
      after,
      limit: 10,
    });
    for (const { keys, count: size } of step?.groups ?? []) {
      const name = keys.map(String).join();
      sums[name] = (sums[name] ?? 0) + size;
    }
    after = step?.next ?? null;
  } while (after !== null);
  return sums;
}

describe("while an index is built", () => {
  it("writes wait, and come after it", async () => {
    await store.ensureIndexes([]);
    const order: string[] = [];
    const built = store.ensureIndexes([["tags", "late"]]).then(() => order.push("built"));
    const written = store
      .transaction(null, (tx) => tx.putDocument("c", "1", {}))
      .then(() => order.push("written"));
    await Promise.all([built, written]);
    expect(order).toEqual(["built", "written"]);
  });
});
