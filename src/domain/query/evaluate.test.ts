import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { leastCpuTime } from "../../../test/support/cpu-time.ts";
import {
  aDevice,
  aModule,
  rowOf,
  stored,
  type TwinContent,
} from "../../../test/support/query-rows.ts";
import type { JsonObject } from "../json.ts";
import { parseTwinObject } from "../twin/parse.ts";
import { compileCondition, compileExpression } from "./evaluate.ts";
import { likeMatcher } from "./like.ts";
import { parseCondition } from "./parse.ts";

const tags = parseTwinObject(
  '{"n":5,"s":"abc","t":true,"f":false,"o":{"x":1},"l":[1,"a",true],"__proto__":{"p":7},"constructor":"c","iso":"2024-05-01T10:00:00Z"}',
);

const device = aDevice("d1", { iotEdge: true });
const owners = {
  "a device": { identity: device, source: "devices" },
  "a module": { identity: aModule("d1", "m1"), source: "devices.modules" },
} as const;

function rowFor(name: keyof typeof owners, content: TwinContent = { tags }): JsonObject {
  return rowOf(stored(owners[name].identity, device, content));
}

describe.each(["a device", "a module"] as const)("an expression over the twin of %s", (name) => {
  const row = rowFor(name);
  const { source } = owners[name];
  const valueOf = (text: string) => compileExpression(parseCondition(text, { source }))(row);

  it.each([
    ["tags.n = 5", true],
    ["tags.n = '5'", undefined],
    ["tags.n != '5'", undefined],
    ["tags.n < '5'", undefined],
    ["tags.missing = 5", undefined],
    ["tags.missing != 5", undefined],
    ["NOT tags.missing = 5", undefined],
    ["tags.missing = undefined", undefined],
    ["tags.o = tags.o", undefined],
    ["tags.l = tags.l", undefined],
    ["tags.o.x = 1", true],
    ["tags.n.x = 1", undefined],
    ["tags.l.length = 3", undefined],
    ["tags.s.length = 3", undefined],
    ["tags.t > tags.f", true],
    ["null = null", true],
    ["null != null", false],
    ["null < null", false],
    ["tags.n = null", undefined],
    ["tags.s < 'abd'", true],
    ["tags.s < 'B'", false],
    ["'\uffee' > '😀'", true],
    ["tags.iso < '2024-05-02T00:00:00Z'", true],
    ["tags.f AND tags.missing", false],
    ["tags.missing AND tags.f", false],
    ["tags.t AND tags.missing", undefined],
    ["tags.t OR tags.missing", true],
    ["tags.missing OR tags.t", true],
    ["tags.f OR tags.missing", undefined],
    ["tags.n AND tags.t", undefined],
    ["tags.n AND tags.f", false],
    ["NOT tags.n", undefined],
    ["NOT NOT tags.t", true],
    ["tags.n + 1", 6],
    ["tags.n % 3", 2],
    ["-tags.n", -5],
    ["-tags.s", undefined],
    ["tags.n / 0", undefined],
    ["tags.n % 0", undefined],
    ["1e308 * 10", undefined],
    ["tags.s + 'd'", undefined],
    ["tags.t + 1", undefined],
    ["tags.n IN [4, 5]", true],
    ["tags.n IN ['5']", false],
    ["tags.n NOT IN ['5']", true],
    ["tags.missing IN [5]", undefined],
    ["tags.missing NIN [5]", undefined],
    ["tags.o IN [1]", false],
    ["null IN [null]", true],
    ["tags.n IN [undefined, -5]", false],
    ["IS_DEFINED(tags.o)", true],
    ["IS_DEFINED(tags.missing)", false],
    ["IS_DEFINED(x509Thumbprint.primaryThumbprint)", true],
    ["x509Thumbprint.primaryThumbprint = null", true],
    ["STARTSWITH(tags.s, 'ab')", true],
    ["STARTSWITH(tags.n, '5')", undefined],
    ["NOT STARTSWITH(tags.missing, 'a')", undefined],
    ["ENDSWITH(tags.s, 'bc')", true],
    ["ENDSWITH(tags.s, 'b')", false],
    ["ARRAY_CONTAINS(tags.l, 'a')", true],
    ["ARRAY_CONTAINS(tags.l, '1')", false],
    ["ARRAY_CONTAINS(tags.s, 'a')", undefined],
    ["ARRAY_CONTAINS(tags.l, tags.missing)", undefined],
    ["CONTAINS(tags.s, 'b')", true],
    ["IS_NULL(x509Thumbprint.primaryThumbprint)", true],
    ["IS_NULL(tags.missing)", false],
    ["IS_STRING(tags.s)", true],
    ["IS_NUMBER(tags.n)", true],
    ["IS_NUMBER(tags.s)", false],
    ["IS_BOOL(tags.f)", true],
    ["IS_OBJECT(tags.o)", true],
    ["IS_OBJECT(tags.l)", false],
    ["IS_ARRAY(tags.l)", true],
    ["IS_PRIMITIVE(tags.s)", true],
    ["IS_PRIMITIVE(tags.o)", false],
    ["IS_PRIMITIVE(tags.missing)", false],
    ["UPPER(tags.s)", "ABC"],
    ["LOWER('ÀB')", "àb"],
    ["LOWER(tags.n)", undefined],
    ["TRIM(' a ')", "a"],
    ["LENGTH(tags.s)", 3],
    ["LENGTH(tags.l)", undefined],
    ["ARRAY_LENGTH(tags.l)", 3],
    ["INDEX_OF(tags.s, 'c')", 2],
    ["SUBSTRING(tags.s, 1, 5)", "bc"],
    ["SUBSTRING(tags.s, -1, 5)", undefined],
    ["SUBSTRING(tags.s, 0, 'x')", undefined],
    ["SUBSTRING(tags.s, 0.5, 1)", undefined],
    ["CONCAT(tags.s, '-', tags.s)", "abc-abc"],
    ["CONCAT(tags.s, tags.n)", undefined],
    ["ABS(-tags.n)", 5],
    ["CEILING(1.2) + FLOOR(1.8) + ROUND(2.5)", 6],
    ["tags.s LIKE 'a%'", true],
    ["tags.s LIKE '_b_'", true],
    ["tags.s NOT LIKE 'a'", true],
    ["tags.n LIKE '5'", undefined],
    ["tags.[[__proto__]].p = 7", true],
    ["tags.constructor = 'c'", true],
    ["tags.o.constructor", undefined],
    ["tags.o.__proto__", undefined],
    ["__proto__", undefined],
    ["toString", undefined],
    ["DEVICEID = 'd1'", true],
    ["id = 'd1'", true],
    ["devices.deviceId = 'd1'", true],
    ["tags.N", undefined],
    ["Tags.n", 5],
    ["n", undefined],
    ["statusUpdatedTime = statusUpdateTime", true],
    ["statusUpdateTime", "0001-01-01T00:00:00Z"],
    ["properties.desired.$version", 1],
    ["IS_DEFINED(properties.reported.$metadata.$lastUpdated)", true],
    ["deviceScope = 'x'", undefined],
  ])("gives the right value of %s", (text, value) => {
    expect(valueOf(text)).toEqual(value);
  });

  it("passes a row only if the condition is exactly true", () => {
    for (const text of [
      "tags.n",
      "tags.s",
      "'true'",
      "1",
      "undefined",
      "null",
      "[true]",
      "tags.o",
    ]) {
      expect(compileCondition(parseCondition(text, { source }))(row)).toBe(false);
    }
    expect(compileCondition(parseCondition("tags.t", { source }))(row)).toBe(true);
  });
});

describe("a module's row joined with its device", () => {
  const row = rowOf(stored(aModule("d1", "m1"), device, { tags: { role: "cam" } }));
  const deviceRow = rowOf(stored(device, device, { tags: { site: "north" } }));
  const condition = compileCondition(
    parseCondition("device.tags.site = 'north' AND tags.role = 'cam' AND Device.DeviceId = id", {
      source: "devices.modules",
    }),
  );

  it("reads the device's twin beside its own", () => {
    expect(condition(row, deviceRow)).toBe(true);
    expect(condition(row, rowOf(stored(device, device)))).toBe(false);
    expect(condition(row)).toBe(false);
  });

  it("does not exist in the strict dialect, nor for devices", () => {
    for (const options of [
      { source: "devices.modules", dialect: "strict" },
      { source: "devices" },
    ] as const) {
      const plain = compileExpression(parseCondition("device.tags.site", options));
      expect(plain(row, deviceRow)).toBeUndefined();
    }
  });
});

describe("LIKE", () => {
  it("agrees with the regular expression that says the same", () => {
    const alphabet = fc.constantFrom("a", "b", "%", "_", "\n", ".");
    fc.assert(
      fc.property(
        fc.string({ unit: alphabet, maxLength: 8 }),
        fc.string({ unit: alphabet, maxLength: 8 }),
        (text, pattern) => {
          const source = pattern
            .replaceAll(".", "\\.")
            .replaceAll("%", "[^]*")
            .replaceAll("_", "[^]");
          expect(likeMatcher(pattern)(text)).toBe(new RegExp(`^${source}$`).test(text));
        },
      ),
      { numRuns: 5000 },
    );
  });

  it("takes no longer than the product of both lengths, where backtracking would never end", () => {
    const time = leastCpuTime(() =>
      expect(likeMatcher(`${"%a".repeat(2000)}b`)("a".repeat(4000))).toBe(false),
    );
    expect(time).toBeLessThan(2000);
  });
});

describe("the laws of the three values", () => {
  const operand = fc.constantFrom("tags.t", "tags.f", "tags.missing", "tags.n", "tags.o", "null");
  const row = rowFor("a module");
  const valueOf = (text: string) => compileExpression(parseCondition(text))(row);

  it("are De Morgan's, and comparison is the opposite of its negation where it is defined", () => {
    fc.assert(
      fc.property(operand, operand, (a, b) => {
        expect(valueOf(`NOT (${a} AND ${b})`)).toBe(valueOf(`NOT ${a} OR NOT ${b}`));
        expect(valueOf(`${a} AND ${b}`)).toBe(valueOf(`${b} AND ${a}`));
        expect(valueOf(`NOT ${a} = ${b}`)).toBe(valueOf(`${a} != ${b}`));
        expect(valueOf(`NOT ${a} < ${b}`)).toBe(valueOf(`${a} >= ${b}`));
        expect(valueOf(`${a} < ${b}`)).toBe(valueOf(`${b} > ${a}`));
      }),
      { numRuns: 300 },
    );
  });
});
