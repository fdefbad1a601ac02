import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fuzzSettings } from "../../../test/fuzz/settings.ts";
import { HubError } from "../errors.ts";
import type { Dialect } from "./ast.ts";
import { maxNesting, maxQueryLength, maxSortedRows, maxTerms } from "./limits.ts";
import { parseCondition, parseQuery, parseTarget } from "./parse.ts";

function refused(work: () => unknown): HubError {
  try {
    work();
  } catch (error) {
    if (error instanceof HubError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

function messageOf(text: string, dialect: Dialect = "extended"): string {
  return refused(() => parseQuery(text, { dialect })).message;
}

/** What tools send (spec/semantics §6.6, spec/rest §8.7). */
const toolQueries = [
  "select * from devices",
  "select * from devices where capabilities.iotEdge = true",
  "select deviceId from devices where array_contains(parentScopes, 'ms-azure-iot-edge://p-1')",
  "select * from devices.modules where devices.deviceId = 'd1'",
  "SELECT * FROM devices.modules WHERE deviceId in ['d1']",
  "SELECT deviceId, deviceScope FROM devices",
  "select * from devices where deviceId in ['a','b']",
  "SELECT * FROM devices WHERE STARTSWITH(id, 'p')",
  "select deviceId from devices where not startswith(deviceId,'x')",
  "select count() AS numberOfDevices from devices",
  `SELECT deviceId as DeviceId,
      status as Status,
      lastActivityTime as LastActivityTime,
      statusUpdatedTime as StatusUpdatedTime,
      authenticationType as AuthenticationType,
      cloudToDeviceMessageCount as CloudToDeviceMessageCount,
      connectionState as ConnectionState,
      capabilities.iotEdge as IotEdge,
      modelId as ModelId
      FROM devices WHERE STARTSWITH(devices.deviceId,'x') AND (capabilities.iotEdge=true)`,
  "select deviceId from devices where configurations.[[cfg-1]].status = 'Applied'",
  "select deviceId from devices.modules where moduleId = '$edgeAgent' and configurations.[[dep]].status != 'Applied'",
  "select deviceId from devices.modules where moduleId = '$edgeAgent' and configurations.[[c12]].status = 'Applied'\n  and properties.desired.$version = properties.reported.lastDesiredVersion\n  and properties.reported.lastDesiredStatus.code = 200",
  "SELECT deviceId FROM devices WHERE properties.reported.chillerWaterSettings.status='pending'",
  "SELECT * FROM devices.jobs WHERE devices.jobs.deviceId = 'd1' AND devices.jobs.status = 'completed'",
];

describe("parseQuery", () => {
  it.each(toolQueries)("reads what tools send: %s", (text) => {
    expect(parseQuery(text, { dialect: "strict" }).text).toBe(text);
  });

  it("keeps an alias as written and names other columns by root or last segment", () => {
    const { columns } = parseQuery(
      "SELECT deviceId AS DeviceID, LASTACTIVITYTIME, statusUpdatedTime, id, tags.a.[[b-c]] FROM devices",
    );
    expect(columns).toEqual([
      { name: "DeviceID", value: path("deviceId") },
      { name: "lastActivityTime", value: path("lastActivityTime") },
      { name: "statusUpdatedTime", value: path("statusUpdateTime") },
      { name: "id", value: path("deviceId") },
      { name: "b-c", value: path("tags", "a", "b-c") },
    ]);
    expect(parseQuery("SELECT COUNT(), MAX(version) FROM devices").columns).toMatchObject([
      { name: "$1" },
      { name: "$2" },
    ]);
  });

  it("reads keywords and functions in any case, and roots too, but nested names as they are", () => {
    const query = parseQuery("sElEcT * fRoM Devices WhErE IS_defined(TAGS.Site) aNd Not TRUE");
    expect(query.where).toEqual({
      kind: "and",
      operands: [
        { kind: "call", function: "IS_DEFINED", arguments: [path("tags", "Site")] },
        { kind: "not", operand: { kind: "literal", value: true } },
      ],
    });
  });

  it("binds arithmetic before comparison before NOT before AND before OR, and sums from the left", () => {
    const text = "NOT version - 1 - 2 * 3 < 4 AND tags.a OR tags.b";
    expect(parseCondition(text)).toEqual(
      parseCondition("((NOT (((version - 1) - (2 * 3)) < 4)) AND tags.a) OR tags.b"),
    );
  });

  it.each([
    ["0x1F", 31],
    ["1.5e2", 150],
    ["-3", -3],
    ["'\\u00e9\\'\\\\'", "é'\\"],
    ['"\\""', '"'],
    ["NULL", null],
    ["False", false],
  ])("reads the literal %s", (text, value) => {
    expect(parseCondition(text)).toEqual({ kind: "literal", value });
  });

  it("reads $, - and letters of all languages in names, and a minus sign between spaces", () => {
    expect(parseCondition("tags.größe-2.$x")).toEqual(path("tags", "größe-2", "$x"));
    expect(parseCondition("version -2")).toMatchObject({ kind: "arithmetic", operator: "-" });
  });

  it("reads members of devices.jobs with their aliases, and the old name of a job's type", () => {
    const jobs = { source: "devices.jobs" } as const;
    expect(
      parseCondition("jobType = 'scheduleTwinUpdate' AND createdTimeUtc > '2024'", jobs),
    ).toEqual(
      parseCondition("jobType = 'scheduleUpdateTwin' AND createdDateTimeUtc > '2024'", jobs),
    );
    expect(
      parseQuery("SELECT * FROM devices.jobs WHERE jobType IN ['scheduleTwinUpdate']").where,
    ).toMatchObject({ values: ["scheduleUpdateTwin"] });
  });
});

function path(...segments: readonly string[]) {
  return { kind: "path", of: "row", segments };
}

describe("a refusal", () => {
  it.each([
    ["foo", "line 1, column 1: expected EXPLAIN or SELECT but found 'foo'"],
    [
      "SELECT *\nFROM things",
      "line 2, column 6: expected devices, devices.modules or devices.jobs but found 'things'",
    ],
    [
      "SELECT * FROM devices;",
      "line 1, column 22: expected '.', GROUP, ORDER, WHERE or the end but found a semicolon",
    ],
    [
      "SELECT * FROM devices WHERE a = 'x",
      "line 1, column 35: expected a single quote or escape sequence \\' \\\" \\\\ or \\uXXXX but found the end",
    ],
    ["SELECT *, deviceId FROM devices", "line 1, column 9: expected FROM but found ','"],
    ["SELECT TOP x * FROM devices", "line 1, column 12: expected whole number but found 'x'"],
    ["SELECT * FROM devices WHERE nope(1)", "line 1, column 29: unknown function 'nope'"],
    [
      "SELECT * FROM devices WHERE starts_with(id, 'a')",
      "line 1, column 29: 'starts_with' belongs to routing conditions: write STARTSWITH",
    ],
    [
      "SELECT * FROM devices WHERE COUNT() > 1",
      "'COUNT' is an aggregate and stands among the columns only",
    ],
    ["SELECT * FROM devices WHERE STARTSWITH(id)", "STARTSWITH takes 2 arguments, not 1"],
    ["SELECT * FROM devices WHERE IS_DEFINED(1)", "IS_DEFINED takes the path of a property"],
    ["SELECT * FROM devices WHERE a = 1e999", "the number is too large"],
    ["SELECT * FROM devices WHERE devices = 1", "a collection's name needs a field after it"],
    [
      "SELECT deviceId, COUNT() FROM devices",
      "column 'deviceId' must be an aggregate or stand in GROUP BY",
    ],
    [
      "SELECT status FROM devices GROUP BY tags.a",
      "column 'status' must be an aggregate or stand in GROUP BY",
    ],
    ["SELECT * FROM devices GROUP BY status", "GROUP BY needs columns, not SELECT *"],
    [
      "SELECT tags.a, properties.desired.a FROM devices",
      "two columns are named 'a': rename one with AS",
    ],
    [
      "SELECT * FROM devices.jobs WHERE tags.a = 1",
      "devices.jobs has no 'tags': conditions on twins need devices",
    ],
    ["SELECT * FROM devices.jobs GROUP BY status", "GROUP BY is not for devices.jobs"],
    [
      `SELECT TOP ${maxSortedRows + 1} * FROM devices ORDER BY status`,
      `TOP beside ORDER BY is at most ${maxSortedRows}`,
    ],
    [
      "SELECT COUNT() AS n FROM devices ORDER BY deviceId",
      "ORDER BY of a grouped query names one of its columns",
    ],
    ["SELECT TOP 99999999999999999999 * FROM devices", "TOP is at most"],
  ])("of %j says where and why", (text, message) => {
    expect(messageOf(text)).toContain(message);
  });

  it.each([
    ["SELECT * FROM devices WHERE CONTAINS(deviceId, 'a')", "CONTAINS"],
    ["SELECT * FROM devices WHERE deviceId LIKE 'a%'", "LIKE"],
    ["SELECT * FROM devices ORDER BY deviceId", "ORDER BY"],
    ["EXPLAIN SELECT * FROM devices", "EXPLAIN"],
  ])("of an extension in the strict dialect names it: %s", (text, what) => {
    expect(messageOf(text, "strict")).toContain(`${what} is not part of IoT Hub's query language`);
    expect(parseQuery(text).text).toBe(text);
  });

  it("of a reserved word in the strict dialect tells how to write it", () => {
    expect(messageOf("SELECT * FROM devices WHERE tags.group = 1", "strict")).toContain(
      "'group' is a reserved word: write [[group]]",
    );
  });

  it("of a text that is too long names its length, whatever stands in it", () => {
    const fitting = "SELECT * FROM devices".padEnd(maxQueryLength);
    expect(parseQuery(fitting).source).toBe("devices");
    expect(messageOf(`${fitting} `)).toBe(
      "The query has 8193 characters, the most allowed is 8192",
    );
  });

  it("of parentheses and calls that nest too deep comes at once", () => {
    const nested = (levels: number) => `${"(".repeat(levels)}true${")".repeat(levels)}`;
    expect(parseCondition(nested(maxNesting))).toEqual({ kind: "literal", value: true });
    expect(refused(() => parseCondition(nested(maxNesting + 1))).message).toContain(
      "parentheses may nest 100 levels deep",
    );
    const calls = `${"ABS(".repeat(2000)}1${")".repeat(10)}`;
    expect(refused(() => parseCondition(calls)).message).toContain("may nest");
    expect(parseCondition(Array.from({ length: 300 }, () => "(1)=(1)").join(" OR "))).toBeDefined();
  });

  it("of more terms than allowed names the limit, while lists may be long", () => {
    const ors = (terms: number) => Array.from({ length: terms }, () => "true").join(" OR ");
    expect(parseCondition(ors(maxTerms))).toMatchObject({ kind: "or" });
    expect(refused(() => parseCondition(ors(maxTerms + 1))).message).toContain("at most 1000");
    const list = Array.from({ length: 1500 }, (_, index) => `'${index % 10}'`).join();
    expect(parseCondition(`deviceId IN [${list}]`)).toMatchObject({ kind: "in" });
  });

  it("never holds a semicolon or a control character of the text", () => {
    for (const text of ["a;b", "SELECT * FROM devices WHERE a\u0007", "SELECT * FROM d;e"]) {
      expect(messageOf(text)).not.toMatch(/[;\p{Cc}]/u);
    }
  });
});

describe("signs and NOT in long chains", () => {
  it("do not nest", () => {
    const signs = parseCondition(`${"- ".repeat(4001)}version`);
    expect(signs).toEqual({ kind: "negate", operand: path("version") });
    expect(parseCondition(`${"NOT ".repeat(2000)}tags.a`)).toEqual({
      kind: "not",
      operand: { kind: "not", operand: path("tags", "a") },
    });
  });
});

describe("parseCondition", () => {
  it("reads * as true, as a job's condition may be", () => {
    expect(parseCondition(" * ")).toEqual({ kind: "literal", value: true });
  });

  it("refuses an empty text, a whole query and trailing text", () => {
    expect(refused(() => parseCondition("")).name).toBe("ArgumentNull");
    expect(refused(() => parseCondition("SELECT * FROM devices")).name).toBe("ArgumentInvalid");
    expect(refused(() => parseCondition("* x")).name).toBe("ArgumentInvalid");
  });
});

describe("parseTarget", () => {
  it.each([
    ["", { kind: "none" }],
    ["*", { kind: "twins", source: "devices", where: null, usesDevice: false }],
    [
      "tags.a = 1",
      { kind: "twins", source: "devices", where: parseCondition("tags.a = 1"), usesDevice: false },
    ],
    [
      "from devices.modules where tags.a = 1",
      {
        kind: "twins",
        source: "devices.modules",
        where: parseCondition("tags.a = 1"),
        usesDevice: false,
      },
    ],
    [
      "FROM devices.modules",
      { kind: "twins", source: "devices.modules", where: null, usesDevice: false },
    ],
    [
      "from devices.modules where device.tags.a = 1",
      {
        kind: "twins",
        source: "devices.modules",
        where: {
          kind: "compare",
          operator: "=",
          left: { kind: "path", of: "device", segments: ["tags", "a"] },
          right: { kind: "literal", value: 1 },
        },
        usesDevice: true,
      },
    ],
  ])("reads %j", (text, target) => {
    expect(parseTarget(text)).toEqual(target);
  });

  it.each(["from devices.jobs", "from", "tags.a =", "* and true", "x".repeat(9000)])(
    "refuses %.20s with a configuration's own error",
    (text) => {
      expect(refused(() => parseTarget(text))).toMatchObject({
        name: "InvalidConfigurationTargetCondition",
        number: 400401,
      });
    },
  );
});

describe("whatever text comes", () => {
  const pieces = [
    ...toolQueries.join(" ").split(/\b/),
    ..."( ) [ ] [[ ]] ' \" \\ \\u , . ; = != <> <= * / % + - 0x 1e9 \0 é 😀".split(" "),
    "NOT",
    "LIKE",
    "ORDER BY",
    "\ud800",
  ];

  it(
    "only a HubError comes out, within milliseconds, for 20,000 mutated queries",
    () => {
      const { inputs, seed } = fuzzSettings();
      let slowest = 0;
      let accepted = 0;
      const mutation = fc.record({
        text: fc.constantFrom(...toolQueries),
        edits: fc.array(
          fc.record({
            at: fc.double({ min: 0, max: 1, noNaN: true }),
            drop: fc.integer({ min: 0, max: 6 }),
            piece: fc.oneof(
              fc.constantFrom(...pieces),
              fc.string({ unit: "binary", maxLength: 3 }),
            ),
            times: fc.oneof(
              { weight: 9, arbitrary: fc.constant(1) },
              { weight: 1, arbitrary: fc.integer({ min: 2, max: 3000 }) },
            ),
          }),
          { maxLength: 4 },
        ),
      });
      fc.assert(
        fc.property(mutation, ({ text, edits }) => {
          const mutated = edits.reduce((before, { at, drop, piece, times }) => {
            const place = Math.floor(at * before.length);
            return before.slice(0, place) + piece.repeat(times) + before.slice(place + drop);
          }, text);
          const started = process.cpuUsage();
          try {
            parseQuery(mutated);
            accepted += 1;
          } catch (error) {
            if (!(error instanceof HubError)) throw error;
            expect(error.message).not.toContain(";");
            expect(error.message).not.toBe("");
          }
          slowest = Math.max(slowest, process.cpuUsage(started).user / 1000);
        }),
        { numRuns: inputs, seed },
      );
      expect(accepted).toBeGreaterThan(1000);
      // CPU time: a busy machine must not fail it. A backtracking parser would take minutes.
      expect(slowest).toBeLessThan(500);
    },
    fuzzSettings().timeout,
  );
});
