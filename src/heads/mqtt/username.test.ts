import { describe, expect, it } from "vitest";
import { parseUsername } from "./username.ts";

const device = { deviceId: "d1" };
const moduleKey = { deviceId: "d1", moduleId: "m1" };

describe("user names (spec/mqtt §2.2)", () => {
  it.each([
    ["h.example/d1/?api-version=2021-04-12", device],
    ["h.example/d1/m1/?api-version=2021-04-12", moduleKey],
    ["h.example/d1/api-version=2016-11-14", device],
    ["h.example/d1/m1/api-version=2016-11-14&DeviceClientType=x%2F1", moduleKey],
    ["h.example/d1/DeviceClientType=x&api-version=2016-11-14", device],
    ["h.example/d1", device],
    ["h.example/d1/", device],
    ["h.example/d1/m1", moduleKey],
    ["h.example/d1/m1/", moduleKey],
    ["h.example/d1/?", device],
    ["localhost:18883/d1/?api-version=1", device],
    ["h.example/d1/?DeviceClientType=raw/slash/1.0&api-version=1", device],
    ["h.example/d?1/?api-version=1", { deviceId: "d?1" }],
    ["h.example/?d1/?api-version=1", { deviceId: "?d1" }],
    ["h.example/d%2F1/?api-version=1", { deviceId: "d%2F1" }],
    ["h.example/D1/M1/?api-version=1", { deviceId: "D1", moduleId: "M1" }],
    ["h.example/d1/$edgeHub/?api-version=1", { deviceId: "d1", moduleId: "$edgeHub" }],
  ])("reads %s", (text, key) => {
    expect(parseUsername(text)?.key).toEqual(key);
  });

  it("reads the parameters in any order, encoded or raw; the first of equal names wins", () => {
    const name =
      "h/d1/?DeviceClientType=azure-iot-device%2F1.18.4%20(node)&model-id=dtmi%3Acom%3Ax;1&api-version=1&api-version=2&other=3";
    expect(parseUsername(name)).toEqual({
      host: "h",
      key: device,
      apiVersion: "1",
      clientType: "azure-iot-device/1.18.4 (node)",
      modelId: "dtmi:com:x;1",
    });
    expect(parseUsername("h/d1/?model-id=dtmi:com:x;1")?.modelId).toBe("dtmi:com:x;1");
  });

  it.each([
    "",
    "h",
    "/d1",
    "h/",
    "h//m1",
    "h/d1//",
    "h/d1/m1/x",
    "h/d1/m1/x/?api-version=1",
    "h/d 1/?api-version=1",
    `h/${"x".repeat(129)}/?api-version=1`,
  ])("refuses %j", (text) => {
    expect(parseUsername(text)).toBeUndefined();
  });
});
