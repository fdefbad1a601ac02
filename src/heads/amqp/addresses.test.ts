import { describe, expect, it } from "vitest";
import { parseAddress } from "./addresses.ts";

const device = { deviceId: "d1" };
const module = { deviceId: "d1", moduleId: "m1" };

describe("an address of a device or a module", () => {
  it.each([
    ["/devices/d1", device],
    ["/devices/d1/modules/m1", module],
  ])("names its endpoints below %s", (base, key) => {
    expect(parseAddress(`${base}/messages/events`)).toEqual({ kind: "deviceEvents", key });
    expect(parseAddress(`${base}/messages/deviceBound`)).toEqual({ kind: "deviceBound", key });
    expect(parseAddress(`${base}/methods/devicebound`)).toEqual({ kind: "methods", key });
    expect(parseAddress(`${base}/twin`)).toEqual({ kind: "twin", key });
  });

  it.each(["amqps://hub.example.com", "amqps://hub.example.com:5671", "AMQPS://127.0.0.1", ""])(
    "may be absolute, as below '%s', and end with a slash",
    (authority) => {
      expect(parseAddress(`${authority}/devices/d1/messages/events/`)).toEqual({
        kind: "deviceEvents",
        key: device,
      });
    },
  );

  it("has ids that are percent-encoded, or not", () => {
    expect(parseAddress("/devices/a%23b/modules/%24m/twin")).toEqual({
      kind: "twin",
      key: { deviceId: "a#b", moduleId: "$m" },
    });
    expect(parseAddress("/devices/a#b?c/twin")).toEqual({
      kind: "twin",
      key: { deviceId: "a#b?c" },
    });
    expect(parseAddress("/devices/100%/twin")).toEqual({ kind: "twin", key: { deviceId: "100%" } });
  });

  it("keeps the case of ids and ignores that of words", () => {
    expect(parseAddress("/Devices/D1/Modules/M1/TWIN")).toEqual({
      kind: "twin",
      key: { deviceId: "D1", moduleId: "M1" },
    });
  });
});

describe("an address of a service", () => {
  it("names the queues, in both spellings", () => {
    expect(parseAddress("/messages/devicebound")).toEqual({ kind: "serviceDeviceBound" });
    expect(parseAddress("/messages/deviceBound")).toEqual({ kind: "serviceDeviceBound" });
    expect(parseAddress("/messages/serviceBound/feedback")).toEqual({ kind: "feedback" });
    expect(parseAddress("/messages/servicebound/filenotifications")).toEqual({
      kind: "fileNotifications",
    });
    expect(parseAddress("/messages/serviceBound/fileUploadNotifications")).toEqual({
      kind: "fileNotifications",
    });
  });

  it("is to be redirected below messages/events, whatever follows", () => {
    expect(parseAddress("messages/events/")).toEqual({ kind: "eventsRedirect", rest: "" });
    expect(parseAddress("amqps://h/messages/events/$management")).toEqual({
      kind: "eventsRedirect",
      rest: "$management",
    });
    expect(parseAddress("/messages/events/ConsumerGroups/$Default/Partitions/0")).toEqual({
      kind: "eventsRedirect",
      rest: "ConsumerGroups/$Default/Partitions/0",
    });
  });

  it("names partitions and management of the Event Hubs-compatible endpoint", () => {
    const partition = {
      kind: "partition",
      entity: "e1",
      consumerGroup: "$Default",
      partition: "3",
    };
    expect(parseAddress("e1/ConsumerGroups/$Default/Partitions/3")).toEqual(partition);
    expect(parseAddress("amqps://h:5671/e1/ConsumerGroups/%24Default/Partitions/3")).toEqual(
      partition,
    );
    expect(parseAddress("$management")).toEqual({ kind: "management", entity: null });
    expect(parseAddress("e1/$management")).toEqual({ kind: "management", entity: "e1" });
  });
});

describe("every other address", () => {
  it.each([
    "",
    "/",
    "/devices",
    "/devices/",
    "/devices//twin",
    "/devices/d1",
    "/devices/d1/modules//twin",
    "/devices/d1/modules/m1",
    "/devices/d1/messages",
    "/devices/d1/twin/more",
    "/messages",
    "/messages/servicebound",
    "/messages/devicebound/more",
    "$cbs/more",
    "e1/ConsumerGroups/$Default/Partitions",
    "__proto__",
  ])("'%s' is unknown", (text) => {
    expect(parseAddress(text)).toEqual({ kind: "unknown" });
  });

  it("$cbs is found with and without a slash", () => {
    expect(parseAddress("$cbs")).toEqual({ kind: "cbs" });
    expect(parseAddress("/$cbs")).toEqual({ kind: "cbs" });
    expect(parseAddress("$CBS")).toEqual({ kind: "cbs" });
  });
});
