import { describe, expect, it } from "vitest";
import { caseDevices, caseModules, rowOf } from "../../../test/support/query-rows.ts";
import { HubError } from "../errors.ts";
import type { Json, JsonObject } from "../json.ts";
import { Aggregator } from "./aggregate.ts";
import { explainQuery } from "./explain.ts";
import { maxGroups, maxSortedRows } from "./limits.ts";
import { parseQuery } from "./parse.ts";
import { compileProjection, needsAllRows, resultTypeOf, runQuery } from "./project.ts";
import { compileToSql } from "./sql.ts";

const rowsOf = (values: readonly (Json | undefined)[]): readonly JsonObject[] =>
  values.map((x, index) => ({
    deviceId: `d${index}`,
    ...(x === undefined ? {} : { tags: { x } }),
  }));

const answer = (text: string, rows: Iterable<JsonObject>) => [...runQuery(parseQuery(text), rows)];

function refused(work: () => unknown): HubError {
  try {
    work();
  } catch (error) {
    if (error instanceof HubError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

describe("the type of an answer", () => {
  it.each([
    ["SELECT * FROM devices", "twin"],
    ["SELECT * FROM devices.modules", "twin"],
    ["SELECT * FROM devices.jobs", "deviceJob"],
    ["SELECT deviceId FROM devices", "raw"],
    ["SELECT moduleId FROM devices.modules", "raw"],
    ["SELECT COUNT() FROM devices.modules", "raw"],
  ])("of %s is %s", (text, type) => {
    expect(resultTypeOf(parseQuery(text))).toBe(type);
  });
});

describe("a projection", () => {
  it("keeps the order of the columns and makes __proto__ an ordinary one", () => {
    const project = compileProjection(
      parseQuery("SELECT tags.x AS b, deviceId AS __proto__, tags.y AS c FROM devices"),
    );
    const [row] = rowsOf([{ deep: [1, { y: 2 }] }]);
    expect(JSON.stringify(project(row!))).toBe('{"b":{"deep":[1,{"y":2}]},"__proto__":"d0"}');
  });

  it("shows parts of a module's device, and the whole of it", () => {
    const query = parseQuery(
      "SELECT moduleId, device.tags.location.region, device AS d FROM devices.modules WHERE tags.role = 'cam'",
    );
    const devices = new Map(caseDevices.map((twin) => [twin.identity.deviceId, rowOf(twin)]));
    const found = [...runQuery(query, caseModules.map(rowOf), () => devices.get("d1"))];
    expect(query.usesDevice).toBe(true);
    expect(found).toEqual([{ moduleId: "m1", region: "US", d: devices.get("d1") }]);
  });

  it("asks for no device unless the query uses it", () => {
    const query = parseQuery("SELECT moduleId FROM devices.modules");
    const asked = () => {
      throw new Error("asked for");
    };
    expect([...runQuery(query, caseModules.map(rowOf), asked)]).toHaveLength(5);
  });
});

describe("aggregates", () => {
  const all =
    "SELECT COUNT() AS n, SUM(tags.x) AS s, AVG(tags.x) AS a, MIN(tags.x) AS lo, MAX(tags.x) AS hi FROM devices";

  it.each([
    [[], { n: 0 }],
    [[undefined], { n: 1 }],
    [[1, undefined, 3], { n: 3, s: 4, a: 2, lo: 1, hi: 3 }],
    [[1, "b"], { n: 2, lo: 1, hi: "b" }],
    [["a", "b"], { n: 2, lo: "a", hi: "b" }],
    [[true, false, 0], { n: 3, lo: false, hi: 0 }],
    [[1, { o: 1 }], { n: 2 }],
    [[1.7e308, 1.7e308], { n: 2, lo: 1.7e308, hi: 1.7e308 }],
  ] as const)("of %j are %j", (values, expected) => {
    expect(answer(all, rowsOf(values))).toEqual([expected]);
  });

  it("need every row, plain projections do not", () => {
    expect(needsAllRows(parseQuery(all))).toBe(true);
    expect(needsAllRows(parseQuery("SELECT deviceId FROM devices ORDER BY status"))).toBe(true);
    expect(needsAllRows(parseQuery("SELECT TOP 1 deviceId FROM devices"))).toBe(false);
  });

  it("over modules answer one row", () => {
    expect(
      answer("SELECT COUNT(), MIN(version) FROM devices.modules", caseModules.map(rowOf)),
    ).toEqual([{ $1: 5, $2: 2 }]);
  });
});

describe("GROUP BY", () => {
  it("tells apart values of different types and what is missing", () => {
    const rows = rowsOf([1, "1", 1, undefined, true, "true", { a: 1 }, { a: 1 }, [1], undefined]);
    expect(answer("SELECT tags.x, COUNT() AS n FROM devices GROUP BY tags.x", rows)).toEqual([
      { x: 1, n: 2 },
      { x: "1", n: 1 },
      { n: 2 },
      { x: true, n: 1 },
      { x: "true", n: 1 },
      { x: { a: 1 }, n: 2 },
      { x: [1], n: 1 },
    ]);
  });

  it("takes several paths, and shows only what is selected", () => {
    const rows = rowsOf(["a", "b", "a"]);
    expect(answer("SELECT tags.x FROM devices GROUP BY tags.x, tags.y", rows)).toEqual([
      { x: "a" },
      { x: "b" },
    ]);
    expect(
      answer(
        "SELECT TOP 1 COUNT() AS n, tags.x FROM devices GROUP BY tags.x ORDER BY n DESC",
        rows,
      ),
    ).toEqual([{ n: 2, x: "a" }]);
    expect(
      answer("SELECT tags.x AS k FROM devices GROUP BY tags.x ORDER BY tags.x DESC", rows),
    ).toEqual([{ k: "b" }, { k: "a" }]);
  });

  it("forms no groups of no rows", () => {
    expect(answer("SELECT tags.x FROM devices GROUP BY tags.x", [])).toEqual([]);
  });

  it("refuses more groups than its limit", () => {
    const aggregator = new Aggregator(parseQuery("SELECT deviceId FROM devices GROUP BY deviceId"));
    for (let index = 0; index < maxGroups; index++) aggregator.add({ deviceId: `d${index}` });
    aggregator.add({ deviceId: "d0" });
    expect(aggregator.rows()).toHaveLength(maxGroups);
    const refusal = refused(() => aggregator.add({ deviceId: "one more" }));
    expect(refusal).toMatchObject({ name: "ArgumentInvalid" });
    expect(refusal.message).toContain("10000 groups");
  });

  it("refuses keys that are too long together", () => {
    const aggregator = new Aggregator(parseQuery("SELECT tags FROM devices GROUP BY tags"));
    const long = "x".repeat(1_000_000);
    const refusal = refused(() => {
      for (let index = 0; index < 20; index++) aggregator.add({ tags: `${index}${long}` });
    });
    expect(refusal.message).toContain("characters");
  });
});

describe("ORDER BY", () => {
  const ids = (rows: readonly JsonObject[]) => rows.map(({ deviceId }) => deviceId);

  it("puts what is missing first, then null, booleans, numbers, strings and the rest, and keeps ties in order", () => {
    const rows = rowsOf(["b", [1], 2, undefined, true, "B", 10, { a: 1 }, false, undefined]);
    const ascending = ["d3", "d9", "d8", "d4", "d2", "d6", "d5", "d0", "d1", "d7"];
    expect(ids(answer("SELECT * FROM devices ORDER BY tags.x", rows))).toEqual(ascending);
    expect(ids(answer("SELECT * FROM devices ORDER BY tags.x DESC", rows))).toEqual([
      "d1",
      "d7",
      "d0",
      "d5",
      "d6",
      "d2",
      "d4",
      "d8",
      "d3",
      "d9",
    ]);
  });

  it("takes several paths and a column's name, and stops at TOP", () => {
    const rows = rowsOf([2, 1, 2, 1]);
    expect(
      answer("SELECT TOP 3 tags.x AS k, deviceId FROM devices ORDER BY k ASC, deviceId DESC", rows),
    ).toEqual([
      { k: 1, deviceId: "d3" },
      { k: 1, deviceId: "d1" },
      { k: 2, deviceId: "d2" },
    ]);
  });

  it("finds the same first rows with TOP as without, however many come", () => {
    const rows = rowsOf(Array.from({ length: 1000 }, (_, index) => (index * 7919) % 101));
    const sorted = ids(answer("SELECT * FROM devices ORDER BY tags.x", rows));
    expect(ids(answer("SELECT TOP 5 * FROM devices ORDER BY tags.x", rows))).toEqual(
      sorted.slice(0, 5),
    );
  });

  it("refuses to sort more text than its limit, unless TOP keeps few rows", () => {
    const text = "x".repeat(4 * 1024 * 1024);
    const rows = Array.from({ length: 20 }, (_, n) => ({ deviceId: `d${n}`, tags: { n, text } }));
    expect(() => answer("SELECT * FROM devices ORDER BY tags.n", rows)).toThrow(
      "ORDER BY sorts at most 67108864 characters",
    );
    expect(answer("SELECT TOP 2 deviceId FROM devices ORDER BY tags.n DESC", rows)).toEqual([
      { deviceId: "d19" },
      { deviceId: "d18" },
    ]);
    expect(answer("SELECT deviceId FROM devices ORDER BY tags.n", rows)).toHaveLength(20);
  });

  it("refuses to sort more rows than its limit, unless TOP cuts them", () => {
    const rows = rowsOf(Array.from({ length: maxSortedRows + 1 }, (_, index) => index));
    expect(refused(() => answer("SELECT * FROM devices ORDER BY tags.x", rows))).toMatchObject({
      name: "ArgumentInvalid",
    });
    expect(ids(answer("SELECT TOP 1 * FROM devices ORDER BY tags.x DESC", rows))).toEqual([
      `d${maxSortedRows}`,
    ]);
  });
});

describe("TOP", () => {
  it("takes no more rows than it needs", () => {
    let taken = 0;
    function* endless(): Generator<JsonObject> {
      for (;;) {
        taken += 1;
        yield { deviceId: "d" };
      }
    }
    expect(answer("SELECT TOP 3 * FROM devices", endless())).toHaveLength(3);
    expect(taken).toBe(3);
  });
});

describe("EXPLAIN", () => {
  it.each([
    ["EXPLAIN SELECT * FROM devices", { inDatabase: "all", answers: "twin", needsAllRows: false }],
    [
      "EXPLAIN SELECT * FROM devices.modules WHERE tags.a = 1",
      { inDatabase: "all", parameters: ["1"] },
    ],
    ["EXPLAIN SELECT * FROM devices WHERE ENDSWITH(tags.a, 'x')", { inDatabase: "part" }],
    [
      "EXPLAIN SELECT COUNT() FROM devices.modules WHERE connectionState = 'Connected'",
      { inDatabase: "all", aggregates: true, parameters: ["Connected"] },
    ],
    [
      "EXPLAIN SELECT COUNT() FROM devices.modules WHERE lastActivityTime > '2024'",
      { inDatabase: "none", aggregates: true },
    ],
    ["EXPLAIN SELECT device.status FROM devices.modules", { readsDevice: true }],
  ])("of %s tells what the database decides", (text, expected) => {
    const query = parseQuery(text);
    const source = query.source === "devices" ? "devices" : "devices.modules";
    const condition = query.where === null ? null : compileToSql(query.where, "sqlite", source);
    expect(query.explain).toBe(true);
    const decision = { condition, steps: ["SCAN t"], index: ["tags", "a b"] };
    expect(explainQuery(query, decision)).toMatchObject({
      ...expected,
      plan: ["SCAN t"],
      index: "tags.[[a b]]",
    });
  });

  it("of a store that looks at every row says so", () => {
    const query = parseQuery("EXPLAIN SELECT * FROM devices WHERE tags.a = 1");
    const row = explainQuery(query, null);
    expect(row).toMatchObject({ inDatabase: "none" });
    expect(row).not.toHaveProperty("plan");
  });
});
