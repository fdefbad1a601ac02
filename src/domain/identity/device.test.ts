import { describe, expect, it } from "vitest";
import { HubError } from "../errors.ts";
import { never } from "../time.ts";
import { type Made, createDevice, deviceView, updateDevice } from "./device.ts";
import type { Device } from "./identity.ts";
import type { DeviceInput } from "./inputs.ts";

const now = Date.UTC(2030, 0, 1);

function made(part: Partial<Made> = {}): Made {
  let fill = 0;
  return {
    now,
    generationId: "637534345627501371",
    etagNumber: 100_000_002,
    newKey: () => Buffer.alloc(32, ++fill).toString("base64"),
    ...part,
  };
}

function noDevice(): undefined {
  return undefined;
}

function among(...devices: Device[]): (deviceId: string) => Device | undefined {
  return (deviceId) => devices.find((device) => device.deviceId === deviceId);
}

function create(deviceId: string, input: DeviceInput = {}, find = among()): Device {
  return createDevice(deviceId, input, made(), find);
}

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof HubError) return error.name;
    throw error;
  }
  return "none";
}

describe("a new device", () => {
  it("R01: is enabled, has two keys, never spoke, and reads like this", () => {
    expect(JSON.stringify(deviceView(create("d1", { deviceId: "d1" }), undefined, 0))).toBe(
      JSON.stringify({
        deviceId: "d1",
        generationId: "637534345627501371",
        etag: "MTAwMDAwMDAy",
        connectionState: "Disconnected",
        status: "enabled",
        statusReason: null,
        connectionStateUpdatedTime: "0001-01-01T00:00:00Z",
        statusUpdatedTime: "0001-01-01T00:00:00Z",
        lastActivityTime: "0001-01-01T00:00:00Z",
        cloudToDeviceMessageCount: 0,
        authentication: {
          symmetricKey: {
            primaryKey: "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
            secondaryKey: "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=",
          },
          x509Thumbprint: { primaryThumbprint: null, secondaryThumbprint: null },
          type: "sas",
        },
        capabilities: { iotEdge: false },
      }),
    );
  });

  it("R05: is refused with a bad id, or with another id in the body", () => {
    expect(refusal(() => create("invalid/name"))).toBe("ArgumentInvalid");
    expect(refusal(() => create("d1", { deviceId: "D1" }))).toBe("ArgumentInvalid");
  });

  it("is refused with an unknown status", () => {
    expect(refusal(() => create("d1", { status: "on" }))).toBe("ArgumentInvalid");
  });

  it("has its status in lower case, however it was written", () => {
    expect(create("d1", { status: "Enabled" }).status).toBe("enabled");
    expect(create("d1", { status: "DISABLED" }).status).toBe("disabled");
  });

  it("may begin disabled, which changes nothing at any time", () => {
    expect(create("d1", { status: "disabled", statusReason: "later" })).toMatchObject({
      status: "disabled",
      statusReason: "later",
      statusUpdatedTime: never,
    });
  });

  it("shows presence and queue once it has them", () => {
    const presence = { connected: true, stateUpdatedTime: now, lastActivityTime: now + 1 };
    expect(deviceView(create("d1"), presence, 3)).toMatchObject({
      connectionState: "Connected",
      connectionStateUpdatedTime: "2030-01-01T00:00:00.0000000Z",
      lastActivityTime: "2030-01-01T00:00:00.0010000Z",
      cloudToDeviceMessageCount: 3,
    });
  });
});

describe("an updated device", () => {
  const stored = create("d1");

  function update(input: DeviceInput, before = stored): Device {
    const next = made({ now: now + 5000, etagNumber: 100_000_003, generationId: "1" });
    return updateDevice(before, input, next, noDevice);
  }

  it("R09: has new keys for empty ones", () => {
    const input = { authentication: { symmetricKey: { primaryKey: "", secondaryKey: "" } } };
    const before = { ...stored, authentication: { type: "none" as const } };
    expect(update(input, before).authentication).toMatchObject({ type: "sas" });
  });

  it("R11: differs by its etag alone when it is sent back as read, altered read-only members and all", () => {
    const body: unknown = {
      ...deviceView(stored, undefined, 0),
      lastActivityTime: "2029-01-01T00:00:00Z",
      generationId: "7",
      connectionState: "Connected",
    };
    expect(update(body as DeviceInput)).toEqual({ ...stored, etagNumber: 100_000_003 });
  });

  it("keeps what is left out", () => {
    const before = update({
      status: "disabled",
      statusReason: "lost",
      capabilities: { iotEdge: true },
    });
    expect(update({}, before)).toEqual(before);
  });

  it("R17: has a reason of 128 characters and the time of its change; 129 are refused", () => {
    const disabled = update({ status: "disabled", statusReason: "r".repeat(128) });
    expect(disabled).toMatchObject({ status: "disabled", statusUpdatedTime: now + 5000 });
    expect(refusal(() => update({ statusReason: "r".repeat(129) }))).toBe("ArgumentInvalid");
  });

  it("keeps the time of its status while the status stays, and loses its reason to null", () => {
    const disabled = {
      ...stored,
      status: "disabled",
      statusReason: "x",
      statusUpdatedTime: 1,
    } as const;
    expect(update({ status: "disabled", statusReason: null }, disabled)).toMatchObject({
      statusUpdatedTime: 1,
      statusReason: null,
    });
    expect(update({ status: "enabled" }, disabled).statusUpdatedTime).toBe(now + 5000);
  });

  it("is refused with another id in the body", () => {
    expect(refusal(() => update({ deviceId: "d2" }))).toBe("ArgumentInvalid");
  });
});

describe("scopes", () => {
  const scope = "ms-azure-iot-edge://e1-637534345627501371";
  const edge = create("e1", { capabilities: { iotEdge: true } });
  const other = create("e-2", { capabilities: { iotEdge: true } });
  const otherScope = "ms-azure-iot-edge://e-2-637534345627501371";
  const leaf = create("l1", { deviceScope: scope }, among(edge));
  const all = among(edge, other, leaf);

  function update(device: Device, input: DeviceInput): Device {
    return updateDevice(device, input, made(), all);
  }

  it("R23: of an edge device are its own and no parent", () => {
    expect(deviceView(edge, undefined, 0)).toMatchObject({ deviceScope: scope, parentScopes: [] });
  });

  it("of an edge device cannot be chosen", () => {
    const device = create("e1", { capabilities: { iotEdge: true }, deviceScope: "mine" });
    expect(device.deviceScope).toBe(scope);
  });

  it("of an edge device below another are its own and its parent's", () => {
    const child = create("e3", { capabilities: { iotEdge: true }, parentScopes: [scope] }, all);
    expect(child).toMatchObject({
      deviceScope: "ms-azure-iot-edge://e3-637534345627501371",
      parentScopes: [scope],
    });
    expect(update(child, { parentScopes: [] }).parentScopes).toEqual([]);
  });

  it("R24: of a leaf are its parent's", () => {
    expect(leaf).toMatchObject({ deviceScope: scope, parentScopes: [scope] });
  });

  it("of a leaf without a parent are not shown", () => {
    const view = deviceView(create("l2", { deviceScope: null, parentScopes: [] }), undefined, 0);
    expect(view).not.toHaveProperty("deviceScope");
    expect(view).not.toHaveProperty("parentScopes");
  });

  it.each([
    "9a0e7e0c-1f0a-4a53-9d1c-6f1a0f2f5a11",
    "ms-azure-iot-edge://l1-637534345627501371",
    "ms-azure-iot-edge://e1-1",
    "ms-azure-iot-edge://nobody-637534345627501371",
    "ms-azure-iot-edge://-1",
    `ms-azure-iot-edge://${"x".repeat(300)}`,
  ])("R25: of a leaf cannot be %s", (deviceScope) => {
    expect(refusal(() => update(leaf, { deviceScope }))).toBe("InvalidDeviceScope");
  });

  it("of an edge device cannot be its own parent's or two parents'", () => {
    expect(refusal(() => update(edge, { parentScopes: [scope] }))).toBe("InvalidDeviceScope");
    expect(refusal(() => update(edge, { parentScopes: [scope, otherScope] }))).toBe(
      "InvalidDeviceScope",
    );
  });

  it("R25: of a leaf go with an empty deviceScope, whatever parentScopes still says", () => {
    expect(update(leaf, { deviceScope: "", parentScopes: [scope] })).toMatchObject({
      deviceScope: null,
      parentScopes: [],
    });
  });

  it("of a leaf follow deviceScope, not a stale parentScopes", () => {
    expect(update(leaf, { deviceScope: otherScope, parentScopes: [scope] })).toMatchObject({
      deviceScope: otherScope,
      parentScopes: [otherScope],
    });
  });

  it("stay when they are sent back, even after the parent is gone", () => {
    const body = { deviceScope: scope, parentScopes: [scope], status: "disabled" };
    expect(updateDevice(leaf, body, made(), noDevice)).toMatchObject({ deviceScope: scope });
  });

  it("change sides when a leaf becomes an edge device and back, the parent stays", () => {
    const body = { deviceScope: scope, parentScopes: [scope], capabilities: { iotEdge: true } };
    const grown = update(leaf, body);
    const own = "ms-azure-iot-edge://l1-637534345627501371";
    expect(grown).toMatchObject({ deviceScope: own, parentScopes: [scope] });
    const back = update(grown, {
      deviceScope: own,
      parentScopes: [scope],
      capabilities: { iotEdge: false },
    });
    expect(back).toMatchObject({ deviceScope: scope, parentScopes: [scope] });
  });

  it("are not checked in bulk", () => {
    const input = { deviceScope: "someScope" };
    const device = createDevice("b1", input, made(), noDevice, { scopesUnchecked: true });
    expect(device.deviceScope).toBe("someScope");
  });
});
