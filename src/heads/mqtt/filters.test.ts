import { describe, expect, it } from "vitest";
import { isFilter, selects, withSubscriptions, withoutFilters } from "./filters.ts";

describe("topic filters (MQTT 3.1.1 §4.7)", () => {
  it.each([
    "#",
    "+",
    "a/#",
    "+/+",
    "/",
    "a//b",
    "+/a/#",
    "$iothub/twin/res/#",
    "devices/+/messages/devicebound/#",
  ])("%s is one", (text) => expect(isFilter(text)).toBe(true));

  it.each(["", "a#", "a/#/b", "a+", "+a/b", "#/", "a/b#", "##"])("%j is none", (text) =>
    expect(isFilter(text)).toBe(false),
  );

  it.each([
    ["#", "devices/d1/messages/devicebound/a", true],
    ["#", "$iothub/twin/res/200/?$rid=1", false],
    ["+/twin/res/#", "$iothub/twin/res/200/?$rid=1", false],
    ["$iothub/#", "$iothub/twin/res/200/?$rid=1", true],
    ["$iothub/twin/res/#", "$iothub/twin/res/200/?$rid=1", true],
    ["$iothub/twin/res/200/#", "$iothub/twin/res/204/?$rid=1", false],
    ["$iothub/twin/res/+/?$rid=1", "$iothub/twin/res/204/?$rid=1", true],
    ["$iothub/+/res/#", "$iothub/twin/res/204/?$rid=1", true],
    ["a/#", "a", true],
    ["a/+", "a", false],
    ["a/+", "a/", true],
    ["a/+", "a/b/c", false],
    ["a/b", "a/b", true],
    ["a", "a/b", false],
    ["a/b", "a", false],
    ["+", "/a", false],
    ["/+", "/a", true],
    ["devices/+/messages/devicebound/#", "devices/d1/messages/devicebound/%24.to=x", true],
  ])("%s selects %s: %s", (filter, topic, expected) => {
    expect(selects(filter, topic)).toBe(expected);
  });

  it("replaces an equal filter, keeps the order, and says when nothing has changed", () => {
    const a = { filter: "a", qos: 0 } as const;
    const b = { filter: "b", qos: 1 } as const;
    const current = [a, b];
    expect(withSubscriptions(current, [{ filter: "a", qos: 1 }])).toEqual([
      { filter: "a", qos: 1 },
      b,
    ]);
    expect(withSubscriptions(current, [a])).toBe(current);
    expect(withoutFilters(current, ["b", "c"])).toEqual([a]);
    expect(withoutFilters(current, ["c"])).toBe(current);
  });
});
