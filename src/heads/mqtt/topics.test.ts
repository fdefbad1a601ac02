import { describe, expect, it } from "vitest";
import { parseTopic, telemetryTopic } from "./topics.ts";

describe.each([
  ["device", "devices/d1/messages/events", "devices/d1/modules/m1/messages/events"],
  ["module", "devices/d1/modules/m1/messages/events", "devices/d1/messages/events"],
])("topics that a %s publishes to (spec/mqtt §5.1)", (kind, own, foreign) => {
  it("begins with its own address", () => {
    const key = kind === "device" ? { deviceId: "d1" } : { deviceId: "d1", moduleId: "m1" };
    expect(telemetryTopic(key)).toBe(own);
  });

  it.each([
    ["", ""],
    ["/", ""],
    ["/a=b", "a=b"],
    ["/a=b/", "a=b"],
    ["/%24.on=alert/", "%24.on=alert"],
    ["/?a=b", "?a=b"],
    ["/a=b/c", "a=b/c"],
  ])("reads telemetry with %j behind events", (suffix, bag) => {
    expect(parseTopic(own + suffix, own)).toEqual({ kind: "telemetry", bag });
  });

  it("reads twin requests and method responses, parts in any order", () => {
    expect(parseTopic("$iothub/twin/GET/?$rid=a=b%20c", own)).toEqual({
      kind: "getTwin",
      rid: "a=b%20c",
    });
    expect(parseTopic("$iothub/twin/PATCH/properties/reported/?$version=3&$rid=1", own)).toEqual({
      kind: "reportedPatch",
      rid: "1",
      version: "3",
    });
    expect(parseTopic("$iothub/twin/PATCH/properties/reported/", own)).toEqual({
      kind: "reportedPatch",
      rid: undefined,
      version: undefined,
    });
    expect(parseTopic("$iothub/methods/res/-1/?$rid=A", own)).toEqual({
      kind: "methodResponse",
      status: -1,
      rid: "A",
    });
  });

  it.each([
    foreign,
    `${own}x`,
    own.toUpperCase(),
    "devices/d2/messages/events/",
    "some/topic",
    "$iothub/twin/GET/",
    "$iothub/twin/GET/properties/?$rid=1",
    "$iothub/twin/PATCH/properties/desired/?$rid=1",
    "$iothub/twin/PATCH/properties/reported/a/?$rid=1",
    "$iothub/methods/POST/x/?$rid=1",
    "$iothub/methods/res/ok/?$rid=1",
    "$iothub/methods/res/12345678901/?$rid=1",
    `$iothub/twin/GET/?$rid=${"x".repeat(2_000)}`,
  ])("refuses %s", (topic) => {
    expect(() => parseTopic(topic, own)).toThrow(
      expect.objectContaining({ name: "InvalidOperation" }),
    );
  });
});
