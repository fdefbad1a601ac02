import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import {
  aDevice,
  aModule,
  rowOf,
  stored,
  type StoredTwin,
  writtenAt,
} from "../../../test/support/query-rows.ts";
import { twinColumns } from "../../stores/sqlite/codec.ts";
import { findDriver } from "../../stores/sqlite/find-driver.ts";
import { migrate, readMigrations } from "../../stores/sqlite/migrate.ts";
import { twinEtag } from "../identity/etag.ts";
import type { Device } from "../identity/identity.ts";
import { emptyObject, type Json, type JsonObject, type MutableJsonObject } from "../json.ts";
import { never } from "../time.ts";
import { put } from "../twin/members.ts";
import type { Comparison, Expression, PathExpression, Scalar } from "./ast.ts";
import { compileCondition } from "./evaluate.ts";
import { parseCondition } from "./parse.ts";
import { compileToSql, type SqlFragment } from "./sql.ts";
import { sqlJsonPath } from "./sql-operand.ts";

type TwinSource = "devices" | "devices.modules";

const driver = findDriver().open(":memory:");
migrate(driver, readMigrations(), "memory", 0);
afterAll(() => driver.close());

function save(twins: readonly StoredTwin[]): void {
  driver.exec("DELETE FROM twins; DELETE FROM identities; DELETE FROM presence");
  const presences = driver.prepare(
    "INSERT INTO presence (device_id, module_id, connected, state_updated_time, last_activity_time, detail) VALUES (?, ?, ?, 0, ?, '{}')",
  );
  const identities = driver.prepare(
    "INSERT OR REPLACE INTO identities (device_id, module_id, doc) VALUES (?, ?, jsonb(?))",
  );
  const rows = driver.prepare(
    "INSERT INTO twins (device_id, module_id, version, etag_counter, desired_version, reported_version, metadata, doc) VALUES (?, ?, ?, ?, ?, ?, ?, jsonb(?))",
  );
  for (const { identity, twin, presence } of twins) {
    const key = [identity.deviceId, identity.moduleId ?? ""];
    const { doc, metadata } = twinColumns(twin);
    identities.run([...key, JSON.stringify(identity)]);
    if (presence !== undefined) {
      const { connected, lastActivityTime } = presence;
      // The hub writes the time of somebody who is connected later.
      presences.run([...key, connected ? 1 : 0, connected ? never : lastActivityTime]);
    }
    rows.run([
      ...key,
      twin.version,
      twin.etagCounter,
      twin.desired.version,
      twin.reported.version,
      metadata,
      doc,
    ]);
  }
}

function selected({ sql, parameters }: SqlFragment, source: TwinSource): readonly string[] {
  const modules = source === "devices.modules" ? "t.module_id > ''" : "t.module_id = ''";
  return driver
    .prepare(
      `SELECT t.device_id, t.module_id FROM twins t JOIN identities i ON i.device_id = t.device_id AND i.module_id = t.module_id WHERE ${modules} AND (${sql}) ORDER BY 1, 2`,
    )
    .all(parameters)
    .map((row) => `${String(row["device_id"])}/${String(row["module_id"])}`);
}

/** The answer of the closures, which is the right one, and that of SQL. */
function bothAnswers(twins: readonly StoredTwin[], expression: Expression, source: TwinSource) {
  const passes = compileCondition(expression);
  const devices = new Map(
    twins
      .filter(({ identity }) => identity.moduleId === undefined)
      .map((twin) => [twin.identity.deviceId, rowOf(twin)]),
  );
  const right = twins
    .filter(({ identity }) => (identity.moduleId !== undefined) === (source !== "devices"))
    .filter((twin) =>
      passes(rowOf(twin), source === "devices" ? undefined : devices.get(twin.identity.deviceId)),
    )
    .map(({ identity }) => `${identity.deviceId}/${identity.moduleId ?? ""}`)
    .sort();
  const compiled = compileToSql(expression, "sqlite", source);
  return { right, compiled, sql: compiled === null ? null : selected(compiled, source) };
}

function expectAgreement(
  twins: readonly StoredTwin[],
  expression: Expression,
  source: TwinSource,
): void {
  const { right, compiled, sql } = bothAnswers(twins, expression, source);
  if (compiled === null || sql === null) return;
  if (compiled.exact) expect(sql).toEqual(right);
  else expect(right.filter((id) => !sql.includes(id))).toEqual([]);
}

// Few names and values, so that paths meet properties and literals meet values.
const names = ["a", "b", "é", "__proto__", "x'y", 'q"t', "c-d"];
const scalars: readonly Exclude<Scalar, null>[] = [
  true,
  false,
  0,
  1,
  -1,
  5,
  0.1,
  21.5,
  1.0000000000000002,
  1e21,
  2 ** 60,
  -3e-12,
  5e-324,
  // SQLite 3.45 reads its text as the next greater number.
  7.210396795243306e-34,
  1.7976931348623157e308,
  "",
  "a",
  "A",
  "ab",
  "abc",
  "5",
  "true",
  "null",
  "[]",
  '{"a":1}',
  "ü",
  "%",
  "a_b",
  "a*b[c?",
  "it's",
  '"',
  "\\",
  "n",
  "\n",
  "a\0",
  "a\0b",
  "\uffee",
  "😀",
  "x😀y",
  "\ud800",
  "a\udc00",
  "Connected",
  "Disconnected",
  twinEtag(1),
  twinEtag(2),
  twinEtag(3).slice(0, -1),
  "2024-05-01",
  "2024-05-01T10:00Z",
  "2024-05-01T10:00:00",
  "2024-05-01T10:00:00.5Z",
  "2024-02-31",
  "0001-01-01T00:00:00Z",
];
const scalar = fc.oneof(
  fc.constantFrom(...scalars),
  fc.double({ noDefaultInfinity: true, noNaN: true }),
  fc.integer({ min: -6, max: 6 }),
  fc.string({ unit: "binary", maxLength: 4 }),
);
const literal: fc.Arbitrary<Scalar> = fc.oneof(scalar, fc.constant(null));

const { node: json } = fc.letrec<{ node: Json; members: JsonObject }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    { weight: 4, arbitrary: scalar },
    { weight: 1, arbitrary: fc.array(scalar, { maxLength: 3 }) },
    { weight: 2, arbitrary: tie("members") },
  ),
  members: fc
    .array(fc.tuple(fc.constantFrom(...names), tie("node")), { maxLength: 3 })
    .map((entries) => {
      const object: MutableJsonObject = {};
      for (const [name, value] of entries) put(object, name, value);
      return object;
    }),
}));
const section = fc
  .array(fc.tuple(fc.constantFrom(...names), json), { maxLength: 4 })
  .map((entries) => {
    const object = emptyObject();
    for (const [name, value] of entries) object[name] = value;
    return object;
  });

const device: fc.Arbitrary<Device> = fc
  .record({
    status: fc.constantFrom("enabled" as const, "disabled" as const),
    statusReason: fc.constantFrom(null, "ab", "null"),
    iotEdge: fc.boolean(),
    deviceScope: fc.constantFrom(null, "a", "abc"),
    parentScopes: fc.subarray(["a", "abc", "ab"]),
  })
  .map((changes) => aDevice("d", changes));

const content = fc.record({
  tags: section,
  desired: section,
  reported: section,
  etagCounter: fc.constantFrom(1, 2, 3),
  connected: fc.constantFrom(undefined, true, false),
  active: fc.constantFrom(
    writtenAt,
    writtenAt + 500,
    writtenAt + 59_999,
    Date.UTC(2024, 2, 1),
    never,
  ),
});
interface Content {
  readonly tags: JsonObject;
  readonly desired: JsonObject;
  readonly reported: JsonObject;
  readonly etagCounter?: number;
  readonly connected?: boolean | undefined;
  readonly active?: number;
}

const fleet: fc.Arbitrary<readonly StoredTwin[]> = fc
  .array(fc.tuple(fc.constantFrom("a", "ab", "d1", "x"), device, content, content), {
    minLength: 1,
    maxLength: 4,
  })
  .map((entries) =>
    [...new Map(entries.map((entry) => [entry[0], entry])).values()].flatMap(
      ([deviceId, base, own, ofModule]) => {
        const owner = { ...base, deviceId };
        return [
          withContent(stored(owner, owner), own),
          withContent(stored(aModule(deviceId, "ab"), owner), ofModule),
        ];
      },
    ),
  );

/** Puts sections in as they are: what the rules refuse must not confuse SQL either. */
function withContent(
  { identity, device: owner, twin }: StoredTwin,
  { tags, desired, reported, etagCounter = 1, connected, active = 0 }: Content,
): StoredTwin {
  const metadata = { t: writtenAt };
  return {
    identity,
    device: owner,
    presence:
      connected === undefined
        ? undefined
        : { connected, stateUpdatedTime: 0, lastActivityTime: active },
    twin: {
      ...twin,
      etagCounter,
      tags,
      desired: { value: desired, metadata, version: 5 },
      reported: { value: reported, metadata, version: 1 },
      configurations: tags["a"] === undefined ? {} : { "c-1": { status: "Applied" } },
    },
  };
}

const roots: readonly (readonly string[])[] = [
  ["deviceId"],
  ["moduleId"],
  ["version"],
  ["status"],
  ["statusReason"],
  ["deviceScope"],
  ["parentScopes"],
  ["capabilities", "iotEdge"],
  ["capabilities"],
  ["authenticationType"],
  ["modelId"],
  ["etag"],
  ["connectionState"],
  ["lastActivityTime"],
  ["x509Thumbprint", "primaryThumbprint"],
  ["tags"],
  ["properties"],
  ["properties", "desired"],
  ["properties", "desired", "$version"],
  ["properties", "reported", "$version"],
  ["properties", "reported", "$metadata", "$lastUpdated"],
  ["configurations", "c-1", "status"],
  ["configurations"],
  ["unknown"],
  ["deviceId", "x"],
];
const path: fc.Arbitrary<PathExpression> = fc.record({
  kind: fc.constant("path" as const),
  of: fc.constantFrom("row" as const, "row" as const, "device" as const),
  segments: fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom(...roots) },
    {
      weight: 4,
      arbitrary: fc
        .tuple(
          fc.constantFrom(["tags"], ["properties", "desired"], ["properties", "reported"]),
          fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 3 }),
        )
        .map(([head, tail]) => [...head, ...tail]),
    },
  ),
});

const comparison = fc.constantFrom<Comparison>("=", "!=", "<", "<=", ">", ">=");
const expression: fc.Arbitrary<Expression> = fc.letrec<{
  value: Expression;
  condition: Expression;
}>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    { weight: 5, arbitrary: path },
    {
      weight: 4,
      arbitrary: literal.map((value): Expression => ({ kind: "literal", value })),
    },
    { weight: 1, arbitrary: fc.constant<Expression>({ kind: "undefined" }) },
    {
      weight: 1,
      arbitrary: fc
        .array(literal, { minLength: 1, maxLength: 2 })
        .map((values): Expression => ({ kind: "array", values })),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom("+", "-", "*", "/", "%"), tie("value"), tie("value"))
        .map(([operator, left, right]): Expression => ({
          kind: "arithmetic",
          operator,
          left,
          right,
        })),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom("LOWER", "LENGTH", "ABS"), tie("value"))
        .map(([name, argument]): Expression => ({
          kind: "call",
          function: name,
          arguments: [argument],
        })),
    },
  ),
  condition: fc.oneof(
    { maxDepth: 5 },
    {
      weight: 6,
      arbitrary: fc
        .tuple(comparison, tie("value"), tie("value"))
        .map(([operator, left, right]): Expression => ({
          kind: "compare",
          operator,
          left,
          right,
        })),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(tie("value"), fc.array(literal, { minLength: 1, maxLength: 4 }))
        .map(([operand, values]): Expression => ({ kind: "in", operand, values })),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(
          fc.constantFrom("STARTSWITH", "ENDSWITH", "CONTAINS", "ARRAY_CONTAINS"),
          tie("value"),
          tie("value"),
        )
        .map(([name, left, right]): Expression => ({
          kind: "call",
          function: name,
          arguments: [left, right],
        })),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(
          fc.constantFrom(
            "IS_DEFINED",
            "IS_NULL",
            "IS_STRING",
            "IS_NUMBER",
            "IS_BOOL",
            "IS_OBJECT",
            "IS_ARRAY",
            "IS_PRIMITIVE",
          ),
          path,
        )
        .map(([name, argument]): Expression => ({
          kind: "call",
          function: name,
          arguments: [argument],
        })),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(path, fc.string({ unit: fc.constantFrom("a", "b", "%", "_", "\\"), maxLength: 4 }))
        .map(([operand, pattern]): Expression => ({ kind: "like", operand, pattern })),
    },
    { weight: 1, arbitrary: tie("value") },
    {
      weight: 2,
      arbitrary: fc
        .tuple(
          fc.constantFrom("and", "or"),
          fc.array(tie("condition"), { minLength: 2, maxLength: 3 }),
        )
        .map(([kind, operands]): Expression => ({ kind, operands })),
    },
    {
      weight: 2,
      arbitrary: tie("condition").map((operand): Expression => ({ kind: "not", operand })),
    },
  ),
})).condition;

describe.each(["devices", "devices.modules"] as const)("a condition over %s in SQL", (source) => {
  it("selects every row for which the condition holds, and only those when it says so", () => {
    fc.assert(
      fc.property(
        fleet,
        fc.array(expression, { minLength: 20, maxLength: 20 }),
        (twins, expressions) => {
          save(twins);
          for (const each of expressions) expectAgreement(twins, each, source);
        },
      ),
      { numRuns: Number(process.env["QUERY_RUNS"] ?? 250) },
    );
  });

  it("agrees on every pair of a stored value and a literal that is hard to write or to order", () => {
    const owner = aDevice("d");
    const twins = scalars.flatMap((value, index) => {
      const deviceId = `d${index}`;
      const self = { ...owner, deviceId };
      const base = stored(self, self);
      const filled = withContent(
        source === "devices" ? base : stored(aModule(deviceId, "m"), self),
        { tags: { a: value, list: [value, "other"] }, desired: {}, reported: {} },
      );
      return source === "devices" ? [filled] : [base, filled];
    });
    save(twins);
    const a: PathExpression = { kind: "path", of: "row", segments: ["tags", "a"] };
    const list: PathExpression = { kind: "path", of: "row", segments: ["tags", "list"] };
    for (const value of [...scalars, null]) {
      for (const condition of conditionsWith(a, list, value)) {
        expectAgreement(twins, condition, source);
        expectAgreement(twins, { kind: "not", operand: condition }, source);
      }
    }
  });

  it("orders numbers as JavaScript does, to the last bit", () => {
    const near = fc
      .tuple(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer({ min: -20, max: 20 }))
      .map(([number, ulps]) => [number, moved(number, ulps)] as const);
    const owner = aDevice("d");
    const identity = source === "devices" ? owner : aModule("d", "m");
    fc.assert(
      fc.property(near, comparison, ([storedNumber, asked], operator) => {
        if (!Number.isFinite(asked)) return;
        const none = emptyObject();
        const base = withContent(stored(owner, owner), {
          tags: none,
          desired: none,
          reported: none,
        });
        const twins = [
          ...(source === "devices" ? [] : [base]),
          withContent(stored(identity, owner), {
            tags: { a: storedNumber },
            desired: none,
            reported: none,
          }),
        ];
        save(twins);
        const left: Expression = { kind: "path", of: "row", segments: ["tags", "a"] };
        const right: Expression = { kind: "literal", value: asked };
        const compare: Expression = { kind: "compare", operator, left, right };
        expectAgreement(twins, compare, source);
        expectAgreement(twins, { kind: "not", operand: compare }, source);
      }),
      { numRuns: Number(process.env["QUERY_RUNS"] ?? 400) },
    );
  });
});

function conditionsWith(
  a: PathExpression,
  list: PathExpression,
  value: Scalar,
): readonly Expression[] {
  const right: Expression = { kind: "literal", value };
  return [
    ...(["=", "!=", "<", "<=", ">", ">="] as const).map((operator): Expression => ({
      kind: "compare",
      operator,
      left: a,
      right,
    })),
    ...(["STARTSWITH", "ENDSWITH", "CONTAINS"] as const).map((name): Expression => ({
      kind: "call",
      function: name,
      arguments: [a, right],
    })),
    { kind: "call", function: "ARRAY_CONTAINS", arguments: [list, right] },
    { kind: "in", operand: a, values: [value, "other"] },
    { kind: "like", operand: a, pattern: String(value) },
    { kind: "like", operand: a, pattern: `${String(value)}%` },
  ];
}

function moved(number: number, ulps: number): number {
  const float = new Float64Array([number]);
  const bits = new BigInt64Array(float.buffer);
  bits[0] = (bits[0] ?? 0n) + BigInt(ulps);
  return float[0] ?? number;
}

describe("what SQL can say of a condition", () => {
  it.each([
    "deviceId = 'd1'",
    "STARTSWITH(deviceId, 'd')",
    "tags.site = 'a' AND properties.reported.temp > 20.5",
    "NOT tags.site IN ['a', 5, true]",
    "capabilities.iotEdge = true",
    "status = 'enabled' OR IS_DEFINED(tags.site)",
    "properties.desired.$version = properties.reported.lastDesiredVersion",
    "configurations.[[c-1]].status = 'Applied'",
    "tags.site LIKE 'a%'",
    "tags.[[it's]] = 1",
    "connectionState = 'Connected'",
    "connectionState IN ['Disconnected'] OR tags.site = 'a'",
    "etag = 'AAAAAAAAAAE='",
    "etag != 'AAAAAAAAAAE=' AND NOT etag IN ['AAAAAAAAAAI=', 'x']",
    "1 = 1",
  ])("is all of %s", (condition) => {
    for (const source of ["devices", "devices.modules"] as const) {
      const compiled = compileToSql(parseCondition(condition, { source }), "sqlite", source);
      expect(compiled).toMatchObject({ exact: true });
      expect(() => selected(compiled!, source)).not.toThrow();
    }
  });

  it.each([
    "lastActivityTime > '2024' AND tags.site = 'a'",
    "lastActivityTime > '2024-05-01T10:00:00Z'",
    "etag > 'AAAAAAAAAAE=' AND tags.site = 'a'",
    "array_contains(parentScopes, 'a')",
    "ENDSWITH(tags.site, 'a')",
    "tags.n * 2 > 10",
    "tags.site LIKE 'a%b'",
  ])("is a part of %s", (condition) => {
    const compiled = compileToSql(parseCondition(condition), "sqlite", "devices");
    expect(compiled).toMatchObject({ exact: false });
  });

  it.each([
    "lastActivityTime > '2024'",
    "lastActivityTime > '2024' OR tags.site = 'a'",
    "LOWER(tags.site) = 'a'",
    "tags.[[a\\b]] = 1",
    'tags.[[a"]] = 1',
  ])("is nothing of %s", (condition) => {
    expect(compileToSql(parseCondition(condition), "sqlite", "devices")).toBeNull();
  });

  it("holds nothing that the author wrote but names, and these quoted", () => {
    const condition = "tags.[[x'); DROP TABLE twins --]] = 'y''); DROP TABLE twins --'";
    const compiled = compileToSql(
      parseCondition(condition.replace("''", "\\'")),
      "sqlite",
      "devices",
    );
    expect(compiled?.sql).toBe(`(t.doc -> '$."tags"."x''); DROP TABLE twins --"') = ?`);
    expect(compiled?.parameters).toEqual([`"y'); DROP TABLE twins --"`]);
    expect(() => selected(compiled!, "devices")).not.toThrow();
    expect(sqlJsonPath(["a", 'b"c'])).toBeUndefined();
  });

  it("finds the ids of devices through the index, and of modules through their device's", () => {
    const plan = (condition: string) =>
      driver
        .prepare(
          `EXPLAIN QUERY PLAN SELECT 1 FROM twins t WHERE ${compileToSql(parseCondition(condition), "sqlite", "devices")?.sql}`,
        )
        .all(["d1", "d2"].slice(0, condition.includes("STARTS") ? 2 : 1))
        .map((row) => String(row["detail"]))
        .join();
    expect(plan("deviceId = 'd1'")).toContain("device_id=?");
    expect(plan("deviceId IN ['d1']")).toContain("device_id=?");
    expect(plan("STARTSWITH(deviceId, 'd')")).toContain("device_id>? AND device_id<?");
  });

  it("stays within SQLite's depth for as many terms as a query may have", () => {
    const terms = Array.from({ length: 450 }, (_, index) => `tags.a>${index}`);
    const condition = parseCondition(terms.join(" OR "));
    const compiled = compileToSql(condition, "sqlite", "devices");
    expect(() => selected(compiled!, "devices")).not.toThrow();
  });
});
