import { describe, expect, it } from "vitest";
import { HubError } from "../errors.ts";
import type { Made } from "./device.ts";
import type { ModuleInput } from "./inputs.ts";
import {
  countsAsModule,
  createModule,
  maxModulesPerDevice,
  moduleView,
  systemModule,
  updateModule,
} from "./module.ts";

const now = Date.UTC(2030, 0, 1);
const key = { deviceId: "d1", moduleId: "m1" };

function made(part: Partial<Made> = {}): Made {
  let fill = 0;
  return {
    now,
    generationId: "637534345627501372",
    etagNumber: 100_000_004,
    newKey: () => Buffer.alloc(32, ++fill).toString("base64"),
    ...part,
  };
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

describe("a new module", () => {
  it("R01, R22: has two keys and exactly these members in this order", () => {
    const module = createModule(key, { deviceId: "d1", moduleId: "m1", managedBy: "" }, made());
    expect(JSON.stringify(moduleView(module, undefined))).toBe(
      JSON.stringify({
        moduleId: "m1",
        managedBy: null,
        deviceId: "d1",
        generationId: "637534345627501372",
        etag: "MTAwMDAwMDA0",
        connectionState: "Disconnected",
        connectionStateUpdatedTime: "0001-01-01T00:00:00Z",
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
      }),
    );
  });

  it("R05: is refused with a bad id, or with another id in the body", () => {
    expect(refusal(() => createModule({ deviceId: "d1", moduleId: "a/b" }, {}, made()))).toBe(
      "ArgumentInvalid",
    );
    expect(refusal(() => createModule(key, { deviceId: "d2" }, made()))).toBe("ArgumentInvalid");
    expect(refusal(() => createModule(key, { moduleId: "m2" }, made()))).toBe("ArgumentInvalid");
  });

  it("shows when it connected and last spoke", () => {
    const presence = { connected: true, stateUpdatedTime: now, lastActivityTime: now };
    expect(moduleView(createModule(key, {}, made()), presence)).toMatchObject({
      connectionState: "Connected",
      connectionStateUpdatedTime: "2030-01-01T00:00:00.0000000Z",
      lastActivityTime: "2030-01-01T00:00:00.0000000Z",
    });
  });
});

describe("an updated module", () => {
  const stored = createModule(key, { managedBy: "me" }, made());

  function update(input: ModuleInput) {
    return updateModule(stored, input, made({ etagNumber: 100_000_005, generationId: "1" }));
  }

  it("R09: has new keys for empty ones", () => {
    const given = createModule(
      key,
      {
        authentication: {
          symmetricKey: { primaryKey: "A".repeat(44), secondaryKey: "B".repeat(44) },
        },
      },
      made(),
    );
    const input = { authentication: { symmetricKey: { primaryKey: "", secondaryKey: "" } } };
    expect(updateModule(given, input, made()).authentication).toMatchObject({
      primaryKey: "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
    });
  });

  it("R11: differs by its etag alone when it is sent back as read, altered read-only members and all", () => {
    const body: unknown = {
      ...moduleView(stored, undefined),
      lastActivityTime: "2029-01-01T00:00:00Z",
      generationId: "7",
    };
    expect(update(body as ModuleInput)).toEqual({ ...stored, etagNumber: 100_000_005 });
  });

  it("R31: has swapped keys", () => {
    const { authentication } = stored;
    if (authentication.type !== "sas") throw new Error("has no keys");
    const { primaryKey, secondaryKey } = authentication;
    const swapped = { primaryKey: secondaryKey, secondaryKey: primaryKey };
    expect(update({ authentication: { symmetricKey: swapped } }).authentication).toEqual({
      type: "sas",
      ...swapped,
    });
  });

  it("keeps managedBy if it is left out and loses it to null or nothing", () => {
    expect(update({}).managedBy).toBe("me");
    expect(update({ managedBy: null }).managedBy).toBeNull();
    expect(update({ managedBy: "" }).managedBy).toBeNull();
    expect(update({ managedBy: "iotEdge" }).managedBy).toBe("iotEdge");
  });

  it("is refused with other ids in the body", () => {
    expect(refusal(() => update({ moduleId: "M1" }))).toBe("ArgumentInvalid");
    expect(refusal(() => update({ deviceId: "d2" }))).toBe("ArgumentInvalid");
  });
});

describe("system modules", () => {
  it("R23: prove nothing and are managed by IoT Edge", () => {
    expect(moduleView(systemModule("e1", "$edgeAgent", made()), undefined)).toMatchObject({
      moduleId: "$edgeAgent",
      deviceId: "e1",
      managedBy: "iotEdge",
      authentication: { type: "none", symmetricKey: { primaryKey: null } },
    });
  });

  it("R18: do not count towards the 50 modules of a device", () => {
    expect(maxModulesPerDevice).toBe(50);
    expect(
      ["$edgeAgent", "$edgeHub", "m1", "$other"].map((moduleId) => countsAsModule({ moduleId })),
    ).toEqual([false, false, true, true]);
  });
});
