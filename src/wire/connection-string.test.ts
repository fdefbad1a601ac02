import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HubError } from "../domain/errors.ts";
import {
  type ConnectionString,
  formatConnectionString,
  maxConnectionStringLength,
  parseConnectionString,
} from "./connection-string.ts";

const key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const h = "hub.example.com";
const signature = "SharedAccessSignature sr=h&sig=YQ%3D%3D&se=1";

const kinds: readonly (readonly [string, string, ConnectionString])[] = [
  [
    "a service",
    `HostName=${h};SharedAccessKeyName=service;SharedAccessKey=${key}`,
    { hostName: h, sharedAccessKeyName: "service", sharedAccessKey: key },
  ],
  [
    "a service with a token",
    `HostName=${h};SharedAccessKeyName=service;SharedAccessSignature=${signature}`,
    { hostName: h, sharedAccessKeyName: "service", sharedAccessSignature: signature },
  ],
  [
    "a device",
    `HostName=${h};DeviceId=d1;SharedAccessKey=${key}`,
    { hostName: h, deviceId: "d1", sharedAccessKey: key },
  ],
  [
    "a module",
    `HostName=${h};DeviceId=d1;ModuleId=$edgeAgent;SharedAccessKey=${key}`,
    { hostName: h, deviceId: "d1", moduleId: "$edgeAgent", sharedAccessKey: key },
  ],
  [
    "a device with a certificate",
    `HostName=${h};DeviceId=d1;x509=true`,
    { hostName: h, deviceId: "d1", x509: true },
  ],
  [
    "a module with a certificate",
    `HostName=${h};DeviceId=d1;ModuleId=m1;x509=true`,
    { hostName: h, deviceId: "d1", moduleId: "m1", x509: true },
  ],
  [
    "a device behind a gateway",
    `HostName=${h};DeviceId=d1;SharedAccessKey=${key};GatewayHostName=edge.local`,
    { hostName: h, deviceId: "d1", sharedAccessKey: key, gatewayHostName: "edge.local" },
  ],
  [
    "a module behind a gateway",
    `HostName=${h};DeviceId=d1;ModuleId=m1;SharedAccessKey=${key};GatewayHostName=edge.local`,
    {
      hostName: h,
      deviceId: "d1",
      moduleId: "m1",
      sharedAccessKey: key,
      gatewayHostName: "edge.local",
    },
  ],
  [
    "a device by a policy",
    `HostName=${h};DeviceId=d1;SharedAccessKeyName=device;SharedAccessKey=${key}`,
    { hostName: h, deviceId: "d1", sharedAccessKeyName: "device", sharedAccessKey: key },
  ],
];

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof HubError && error.name === "ArgumentInvalid") return error.message;
    throw error;
  }
  throw new Error("was not refused");
}

describe.each(kinds)("the connection string of %s", (_, text, meaning) => {
  it("is read", () => {
    expect(parseConnectionString(text)).toStrictEqual(meaning);
  });

  it("is written in this form", () => {
    expect(formatConnectionString(meaning)).toBe(text);
  });

  it("may be shuffled, in other case, and end in semicolon and line end", () => {
    const parts = text.split(";").toReversed();
    const shuffled = parts.map((part) => part.replace(/^\w+/, (name) => name.toUpperCase()));
    expect(parseConnectionString(` ${shuffled.join(" ; ")};\n`)).toStrictEqual(meaning);
  });
});

describe("reading a connection string", () => {
  it("A31: keeps the padding of the key", () => {
    const text = `HostName=${h};DeviceId=d1;ModuleId=m1;SharedAccessKey=YWJjZGVmZ2hpamtsbW5vcA==`;
    expect(parseConnectionString(text).sharedAccessKey).toBe("YWJjZGVmZ2hpamtsbW5vcA==");
  });

  it("takes x509=false as nothing said", () => {
    expect(parseConnectionString(`${kinds[2]?.[1]};x509=false`)).toStrictEqual(kinds[2]?.[2]);
  });

  it("names the members that it does not know", () => {
    const text = `HostName=${h};DeviceId=d1;x509=true;Port=8883;UseProvisioning=true`;
    expect(refusal(() => parseConnectionString(text))).toContain("'Port', 'UseProvisioning'");
  });

  it.each([
    ["nothing", ""],
    ["no host", `DeviceId=d1;SharedAccessKey=${key}`],
    ["an empty host", `HostName=;DeviceId=d1;SharedAccessKey=${key}`],
    ["a member twice", `HostName=${h};HostName=${h};DeviceId=d1;SharedAccessKey=${key}`],
    ["no credential", `HostName=${h};DeviceId=d1`],
    ["two credentials", `HostName=${h};DeviceId=d1;SharedAccessKey=${key};x509=true`],
    ["a module without a device", `HostName=${h};ModuleId=m1;SharedAccessKey=${key}`],
    ["neither device nor policy", `HostName=${h};SharedAccessKey=${key}`],
    ["a gateway for a service", `${kinds[0]?.[1]};GatewayHostName=g`],
    ["a policy with a certificate", `HostName=${h};DeviceId=d1;SharedAccessKeyName=p;x509=true`],
    ["a certificate that is maybe", `HostName=${h};DeviceId=d1;x509=maybe`],
    ["a key alone", key],
    ["a key cut in two", `HostName=${h};DeviceId=d1;SharedAccessKey=a;${key}`],
    ["a part without a name", `HostName=${h};=${key}`],
    ["4097 characters", `HostName=${"h".repeat(maxConnectionStringLength - 8)}`],
  ])("refuses %s, in one line without the key", (_, text) => {
    const message = refusal(() => parseConnectionString(text));
    expect(message).not.toContain(key.slice(0, -1));
    expect(message).not.toMatch(/[;\n]/);
    expect(message).not.toBe("");
  });
});

describe("writing a connection string", () => {
  it("refuses what no connection string can hold", () => {
    const good = { hostName: h, deviceId: "d1", sharedAccessKey: key };
    for (const bad of [{ deviceId: "a;b" }, { deviceId: "" }, { hostName: " h" }]) {
      refusal(() => formatConnectionString({ ...good, ...bad }));
    }
    expect(refusal(() => formatConnectionString({ ...good, moduleId: "m;1" }))).toContain(
      "ModuleId",
    );
  });

  it("refuses members that do not belong together", () => {
    refusal(() => formatConnectionString({ hostName: h, moduleId: "m1", sharedAccessKey: key }));
    refusal(() => formatConnectionString({ hostName: h, deviceId: "d1" }));
  });
});

describe("a written connection string", () => {
  const id = fc.string({
    unit: fc.constantFrom(..."ABCXYZabcxyz0189-:.+%_#*?!(),=@$'".split("")),
    minLength: 1,
    maxLength: 128,
  });
  const secret = fc
    .uint8Array({ minLength: 16, maxLength: 64 })
    .map((bytes) => Buffer.from(bytes).toString("base64"));

  it("reads as it was meant, for all ids without a semicolon", () => {
    const identity = fc.record(
      {
        hostName: fc.constant(h),
        deviceId: id,
        sharedAccessKey: secret,
        moduleId: id,
        sharedAccessKeyName: id,
        gatewayHostName: fc.constant("edge.local"),
      },
      { requiredKeys: ["hostName", "deviceId", "sharedAccessKey"] },
    );
    const service = fc.record({
      hostName: fc.domain(),
      sharedAccessKeyName: id,
      sharedAccessKey: secret,
    });
    fc.assert(
      fc.property(fc.oneof(identity, service), (meaning: ConnectionString) => {
        const text = formatConnectionString(meaning);
        expect(parseConnectionString(text)).toStrictEqual({ ...meaning });
        expect(text.endsWith(";")).toBe(false);
      }),
    );
  });
});
