import * as fc from "fast-check";
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

  it("select what a comparison level by level finds, the quick way for a/b/# too", () => {
    const levels = (...names: string[]) =>
      fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 4 });
    const agrees = (filter: readonly string[], topic: readonly string[]): boolean =>
      filter.every((level, index) => level === "#" || level === "+" || level === topic[index]) &&
      (filter.at(-1) === "#" ? topic.length >= filter.length - 1 : topic.length === filter.length);
    fc.assert(
      fc.property(
        levels("a", "b", "", "+"),
        fc.boolean(),
        levels("a", "b", ""),
        (from, all, topic) => {
          const filter = all ? [...from, "#"] : from;
          const found = selects(filter.join("/"), topic.join("/"));
          // `+` stands for a level that is there.
          expect(found).toBe(agrees(filter, topic));
        },
      ),
    );
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
