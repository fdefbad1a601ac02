import { describe, expect, it } from "vitest";
import type { IdentityKey } from "../identity/key.ts";
import type { Json, JsonObject } from "../json.ts";
import type { EventMessage } from "../messages/telemetry.ts";
import { type Twin, newTwin } from "../twin/twin.ts";
import { compileCondition } from "./condition.ts";
import { MessageView } from "./message-view.ts";
import type { RouteSource } from "./route.ts";
import type { Truth } from "./values.ts";

const body = {
  n: 50,
  low: -2.5,
  text: "WA",
  when: "2026-05-01T10:00:00.000Z",
  nothing: null,
  yes: true,
  no: false,
  list: [20, 30, { deep: "x" }],
  object: { a: { b: 1 } },
};

function messageOf(change: Partial<EventMessage> = {}): EventMessage {
  return {
    key: { deviceId: "d1", moduleId: "m1" },
    body: Buffer.from(JSON.stringify(body)),
    system: {
      messageId: "id-7",
      correlationId: "c-8",
      contentType: "application/json",
      contentEncoding: "UTF-8",
      component: "thermostat1",
    },
    application: [
      ["Level", "high"],
      ["count", "3"],
      ["empty", null],
      ["$contentType", "own"],
      ["$body.n", "100"],
      ["iothub-ack", "full"],
    ],
    source: "Telemetry",
    enqueuedTime: Date.UTC(2026, 4, 1),
    generationId: "637",
    authMethod: "{}",
    modelId: "dtmi:example:Thermostat;1",
    ...change,
  };
}

const twin: Twin = {
  ...newTwin(0),
  tags: { site: { name: "north" }, floor: 1 },
  desired: { value: { interval: "5m" }, metadata: { t: 0 }, version: 4 },
  reported: { value: { battery: 80, list: [null] }, metadata: { t: 0 }, version: 9 },
};

function ask(
  condition: string,
  message = messageOf(),
  source: RouteSource = "DeviceMessages",
): Truth | "invalid" {
  const compiled = compileCondition(condition, source);
  if (compiled.kind === "invalid") return "invalid";
  return compiled.condition.evaluate(new MessageView(message, twin));
}

/** `[condition, result]`. */
function table(rows: readonly (readonly [string, Truth | "invalid"])[]): void {
  it.each(rows)("%s → %s", (condition, expected) => {
    expect(ask(condition)).toBe(expected);
  });
}

describe("literals and operators of a condition", () => {
  table([
    ["", true],
    ["  /* nothing but\n this */ ", true],
    ["true", true],
    ["false", false],
    ["null", null],
    ["undefined", undefined],
    ["12", undefined],
    ["'text'", undefined],
    ["1 + 2 * 3 = 7", true],
    ["(1 + 2) * 3 = 9", true],
    ["7 - 4 - 2 = 1", true],
    ["-5 < -4 AND --5 = 5", true],
    ["3+4=7", true],
    ["0x1F = 31", true],
    [".5 + 1e-1 = 0.6", true],
    ["10 / 4 = 2.5", true],
    ["10 % 4 = 2", true],
    ["3 / 0 > 1e300", true],
    ["-3 / 0 = 0 - 1 / 0", true],
    ["3 % 0 = 3 % 0", undefined],
    ["'a' || 'b' || 'c' = 'abc'", true],
    ["'Zoo' < 'apple'", true],
    ["'a' <= 'a' and 'b' >= 'a' and 'b' > 'a'", true],
    ["'it\\'s' = \"it's\"", true],
    ["'\\u0041\\\\' = 'A\\\\'", true],
    ["true > false", true],
    ["1 < 2 = true", true],
    ["1 <> 2 and 1 != 2", true],
    ["NOT true", false],
    ["not (1 = 2)", true],
    ["true OR false AND false", true],
    ["TRUE", undefined],
    ["(missing ?? 'x') = 'x'", true],
    ["(missing ?? other ?? 'x') = 'x'", true],
    ["(empty ?? 'x') = 'x'", false],
    ["(3 % 0 ?? 4) = 4", true],
  ]);
});

describe("undefined and null in a condition (spec/semantics §11.2)", () => {
  table([
    ["undefined AND false", false],
    ["false AND undefined", false],
    ["undefined AND true", undefined],
    ["undefined OR true", true],
    ["true OR undefined", true],
    ["undefined OR false", undefined],
    ["NOT undefined", undefined],
    ["undefined = undefined", undefined],
    ["null AND true", null],
    ["null AND false", null],
    ["(null AND true) = null", true],
    ["null OR true", true],
    ["null OR false", false],
    ["(null OR null) = null", true],
    ["NOT null", true],
    ["is_defined(-undefined)", false],
    ["missing = '4'", undefined],
    ["missing != '4'", undefined],
    ["NOT (missing = '4')", undefined],
    ["missing = '4' OR true", true],
    ["missing = '4' AND false", false],
    ["undefined ?? undefined", undefined],
  ]);
});

describe("properties in a condition", () => {
  table([
    ["level = 'high'", true],
    ["LEVEL = 'high'", true],
    ["level = 'HIGH'", false],
    ["level!='low'", true],
    ["as_number(count) + 1 = 4", true],
    ["as_number(level) = 3", undefined],
    ["is_defined(empty) AND is_null(empty)", true],
    ["$messageId = 'id-7' AND $correlationid = 'c-8'", true],
    ["$connectionDeviceId = 'd1' AND $connectionModuleId = 'm1'", true],
    ["$connectionDeviceGenerationId = '637'", true],
    ["$dt-subject = 'thermostat1' AND starts_with($dt-dataschema, 'dtmi:')", true],
    ["$ack = 'full'", true],
    ["$enqueuedTime = '2026-05-01T00:00:00.0000000Z'", true],
    ["$unknown = 'x'", undefined],
    // An application property goes before the system property of that name, unless that is written in braces.
    ["$contentType = 'own'", true],
    ["{$contentType} = 'application/json'", true],
    ["{ $contentType } = 'application/json'", true],
    ["$body.n = '100'", true],
    ["{$body.n} = 50", true],
  ]);

  it("takes every character that is no delimiter into a name", () => {
    const message = messageOf({
      application: [
        ["my-name.x#1", "a"],
        ["größe", "b"],
        ["not-set", "c"],
      ],
    });
    expect(ask("my-name.x#1 = 'a' AND größe = 'b' AND not-set = 'c'", message)).toBe(true);
  });

  it("says what a device of its own says, without a module", () => {
    const key: IdentityKey = { deviceId: "d1" };
    expect(ask("is_defined($connectionModuleId)", messageOf({ key }))).toBe(false);
  });
});

describe("the body in a condition", () => {
  const message = messageOf({ application: [] });
  const rows: readonly (readonly [string, Truth])[] = [
    ["$body.n > 20", true],
    ["$BODY.n = 50", true],
    ["$body.N = 50", false],
    ["$body.n = '50'", false],
    ["$body.n <> '100'", true],
    ["$body.text = 'WA' AND length($body.text) = 2", true],
    ["$body.yes", true],
    ["NOT $body.no", true],
    ["$body.list[1] = 30", true],
    ["$body.list[2].deep = 'x'", true],
    ["$body.list[9] = null", true],
    ["$body.list[0] + $body.list[1] = $body.n", true],
    ["$body.object.a.b = 1", true],
    ["$body.missing = null", true],
    ["$body.nothing = null", true],
    ["$body.missing <> '100'", true],
    ["NOT ($body.missing != null)", true],
    ["($body.missing ?? 4) = 4", true],
    ["is_defined($body.missing)", false],
    ["is_defined($body.nothing)", true],
    ["is_null($body.nothing)", true],
    ["$body.object <> null", undefined],
    ["$body.list = null", undefined],
    ["$body.when <> '100'", undefined],
    ["is_defined($body.when)", true],
    ["is_string($body.when)", false],
    ["is_object($body.object) AND is_array($body.list) AND is_primitive($body.n)", true],
    ["is_object($body.list)", false],
    ["$body", undefined],
    ["$body[0] = 'x'", undefined],
    ["abs($body.low) = 2.5", true],
    ["abs($body.text) = 2.5", undefined],
    ["$body.text + 1 = 2", undefined],
    ["$body.__proto__ = null", true],
  ];
  it.each(rows)("%s → %s", (condition, expected) => {
    expect(ask(condition, message)).toBe(expected);
  });

  it("is asked only if the message says that it is JSON (RT03)", () => {
    const { system } = message;
    const asked = (change: object) =>
      ask("$body.n > 20", { ...message, system: { ...system, ...change } });
    expect(asked({})).toBe(true);
    expect(asked({ contentType: undefined })).toBeUndefined();
    expect(asked({ contentType: "text/plain" })).toBeUndefined();
    expect(asked({ contentType: "Application/JSON; charset=utf-8" })).toBe(true);
    expect(asked({ contentEncoding: undefined })).toBeUndefined();
    expect(asked({ contentEncoding: "latin1" })).toBeUndefined();
    expect(asked({ contentEncoding: "utf-16" })).toBeUndefined();
  });

  it("is undefined if it is not valid JSON or not in its encoding", () => {
    expect(ask("$body.n = null", { ...message, body: Buffer.from("{") })).toBeUndefined();
    expect(
      ask("$body.n = null", { ...message, body: Buffer.of(0x22, 0xff, 0x22) }),
    ).toBeUndefined();
  });

  it("is read in UTF-16 and UTF-32 too, in both byte orders", () => {
    const text = '{"ä":"😀"}';
    const utf16 = Buffer.from(text, "utf16le");
    const utf32 = Buffer.concat(
      Array.from(text, (character) => {
        const unit = Buffer.alloc(4);
        unit.writeUInt32LE(character.codePointAt(0) ?? 0);
        return unit;
      }),
    );
    const asked = (contentEncoding: string, bytes: Uint8Array) =>
      ask("$body.ä = '😀'", {
        ...message,
        body: bytes,
        system: { contentType: "application/json", contentEncoding },
      });
    expect(asked("utf-16", utf16)).toBe(true);
    expect(
      asked("UTF-16", Buffer.concat([Buffer.of(0xfe, 0xff), Buffer.from(utf16).swap16()])),
    ).toBe(true);
    expect(asked("utf-32", utf32)).toBe(true);
    const big = Buffer.concat([Buffer.of(0, 0, 0xfe, 0xff), Buffer.from(utf32).swap32()]);
    expect(asked("utf-32", big)).toBe(true);
    expect(asked("utf-32", Buffer.of(1, 2, 3))).toBeUndefined();
    expect(asked("utf-32", Buffer.of(0xff, 0xff, 0xff, 0xff))).toBeUndefined();
  });
});

describe("the twin in a condition", () => {
  table([
    ["$twin.tags.site.name = 'north'", true],
    ["$TWIN.Tags.SITE.Name = 'north'", true],
    ["$twin.tags.floor = 1", true],
    ["$twin.properties.desired.interval = '5m'", true],
    ["$twin.properties.reported.battery < 90", true],
    ["$twin.properties.reported.$version = 9", true],
    ["$twin.tags.none = null", true],
    ["is_defined($twin.tags.none)", false],
    ["$twin.deviceId = 'd1'", "invalid"],
    ["$twin.tags.a[b] = 1", "invalid"],
  ]);

  it("is undefined if there is none", () => {
    const compiled = compileCondition("$twin.tags.site = null", "DeviceMessages");
    if (compiled.kind === "invalid") throw new Error("does not compile");
    expect(compiled.condition.evaluate(new MessageView(messageOf(), undefined))).toBeUndefined();
    expect(compiled.condition.needsTwin).toBe(true);
  });
});

describe("functions of a condition", () => {
  table([
    ["ABS(-2) = 2 AND sign(-3) = -1 AND square(3) = 9", true],
    ["power(2, 10) = 1024 AND sqrt(16) = 4 AND exp(0) = 1", true],
    ["ceiling(-2.1) = -2 AND floor(-2.1) = -3", true],
    ["is_defined(sqrt(-4))", false],
    ["exp(4000) = 1 / 0", true],
    ["as_number(' -1.5e1 ') = -15", true],
    ["as_number('') = 0", undefined],
    ["as_number('0x10') = 16", undefined],
    ["as_number('1e999') = 1 / 0", true],
    ["as_number(empty) = 0", undefined],
    ["is_bool(true) AND NOT is_bool('true')", true],
    ["is_number(3 / 0)", false],
    ["is_string(level) AND NOT is_string(missing) AND NOT is_string(empty)", true],
    ["is_null(missing)", false],
    ["CONCAT('a', level, 'b') = 'ahighb'", true],
    ["concat('a', empty, 'b') = 'ab'", true],
    ["is_defined(concat('a', missing))", false],
    ["length('') = 0", true],
    ["is_defined(length(empty))", false],
    ["lower('ÄB') = 'äb' AND upper('äb') = 'ÄB'", true],
    ["substring('abc', 1) = 'bc' AND substring('abc', 3) = ''", true],
    ["substring('abc', 1, 1) = 'b' AND substring('abc', 1, 0) = ''", true],
    ["is_defined(substring('abc', 4))", false],
    ["is_defined(substring('abc', -1))", false],
    ["is_defined(substring('abc', 0, -1))", false],
    ["index_of('abcabc', 'ca') = 2 AND index_of('abc', 'x') = -1", true],
    ["starts_with(level, 'hi') AND ends_with(level, 'gh') AND contains(level, 'ig')", true],
    ["starts_with(missing, 'a')", undefined],
  ]);

  it("knows STARTS_WITH, and not the STARTSWITH of twin queries (RT08)", () => {
    expect(ask("STARTS_WITH(level, 'h')")).toBe(true);
    const compiled = compileCondition("STARTSWITH(level, 'h')", "DeviceMessages");
    expect(compiled).toMatchObject({
      kind: "invalid",
      errors: [{ message: "there is no function 'STARTSWITH', but there is STARTS_WITH" }],
    });
  });

  it("tells what a twin change names, with a value", () => {
    const change = { properties: { reported: { fan: { speed: 3 }, old: null } }, version: 5 };
    const message = messageOf({
      source: "twinChangeEvents",
      application: [],
      body: Buffer.from(JSON.stringify(change)),
    });
    const asked = (path: string) =>
      ask(`twin_change_includes(${path})`, message, "TwinChangeEvents");
    expect(asked("properties.reported.fan")).toBe(true);
    expect(asked("properties.reported.fan.speed")).toBe(true);
    expect(asked("properties.reported.old")).toBe(false);
    expect(asked("properties.desired.fan")).toBe(false);
    expect(asked("tags.site")).toBe(false);
    for (const wrong of [
      "",
      "properties.",
      "properties.other",
      "'tags.x'",
      "123",
      "tags.a, tags.b",
    ])
      expect(asked(wrong)).toBe("invalid");
    expect(ask("twin_change_includes(tags.site)")).toBe("invalid");
    const unreadable = { ...message, body: Buffer.from("x") };
    expect(ask("twin_change_includes(tags.site)", unreadable, "TwinChangeEvents")).toBeUndefined();
  });
});

describe("a condition that does not compile", () => {
  it.each([
    // Types that don't mix.
    "3 = level",
    "level = 3",
    "level > 3",
    "level = true",
    "level = null",
    "3 = undefined",
    "'a' + 'b'",
    "true + 3",
    "3 - level",
    "undefined * 2",
    "-level",
    "NOT level",
    "level AND true",
    "true OR 'x'",
    "undefined AND 'x'",
    "'a' || 3",
    "'a' || null",
    "(level ?? 3) = 3",
    "level ?? 'x' = 'y'",
    "length(12.34) = 1",
    "abs(level) = 1",
    "power(2) = 1",
    "power(2, 3, 4) = 1",
    "concat('a') = 'a'",
    "concat() = ''",
    "substring('abc', 'b') = 'b'",
    "as_number(true) = 1",
    "is_defined()",
    "nofunction(1)",
    // What is no expression.
    "level == 'high'",
    "level IN ['a']",
    "level = 'high",
    "(level = 'high'",
    "level = 'high')",
    "3 $ 4",
    "AND true",
    "level = ",
    "$body.list[] = 1",
    "$body.list[1:2] = 1",
    "$body.a..b = 1",
    "{level} = 'x'",
    "'\\x' = 'x'",
    "@",
  ])("%s", (condition) => {
    expect(ask(condition)).toBe("invalid");
  });

  it("says where, in lines and columns from 1", () => {
    const compiled = compileCondition("true AND\n  (level = 3 OR abs('x') = 1)", "DeviceMessages");
    expect(compiled).toEqual({
      kind: "invalid",
      errors: [
        {
          message: "'=' does not take a string and a number",
          severity: "error",
          location: { start: { line: 2, column: 10 }, end: { line: 2, column: 11 } },
        },
        {
          message: "ABS takes (number), not (string)",
          severity: "error",
          location: { start: { line: 2, column: 17 }, end: { line: 2, column: 20 } },
        },
      ],
    });
  });

  it("says what was expected where the text stops making sense", () => {
    const reason = (condition: string) => {
      const compiled = compileCondition(condition, "DeviceMessages");
      return compiled.kind === "invalid" ? compiled.errors[0]?.message : undefined;
    };
    expect(reason("level = 'high")).toBe("the string has no closing quotation mark");
    expect(reason("(level = 'a'")).toMatch(/^expected .*'\)'.* but found the end$/);
    expect(reason("level IN ['a']")).toMatch(/but found 'IN'$/);
  });

  it("is bounded in length, nesting and number of errors", () => {
    expect(ask("(".repeat(101) + "true" + ")".repeat(101))).toBe("invalid");
    expect(ask("(".repeat(100) + "true" + ")".repeat(100))).toBe(true);
    expect(ask(`'${"a".repeat(8_192)}' = 'b'`)).toBe("invalid");
    const compiled = compileCondition(
      Array(50).fill("nofunction()").join(" OR "),
      "DeviceMessages",
    );
    expect(compiled.kind === "invalid" ? compiled.errors.length : 0).toBe(20);
  });

  it("stands long chains and long runs of signs", () => {
    expect(ask(`${Array(999).fill("1").join("+")} = 999`)).toBe(true);
    expect(ask(Array(1_100).fill("1").join("+"))).toBe("invalid");
    expect(ask(`${"NOT ".repeat(2_000)}true`)).toBe(true);
    expect(ask(`${"NOT ".repeat(2_001)}true`)).toBe(false);
    expect(ask(`${"-".repeat(8_000)}1 = 1`)).toBe(true);
    expect(ask("NOT NOT null")).toBe(false);
  });
});

describe("a value of any kind of JSON in the body", () => {
  it("never makes a condition throw", () => {
    const values: Json[] = [null, true, 0, "x", [], {}, [[]], { a: [] }];
    for (const value of values as JsonObject[]) {
      const message = messageOf({ application: [], body: Buffer.from(JSON.stringify(value)) });
      for (const condition of ["$body.a = 1", "$body.a[0].b > 'x'", "upper($body.a) = 'X'"])
        expect([true, false, undefined]).toContain(ask(condition, message));
    }
  });
});
