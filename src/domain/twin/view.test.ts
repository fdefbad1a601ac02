import { describe, expect, it } from "vitest";
import { type Device, isModule, type Module } from "../identity/identity.ts";
import { never } from "../time.ts";
import { applyReported } from "./apply-reported.ts";
import { applyServicePatch } from "./apply-desired.ts";
import { parseTwinObject } from "./parse.ts";
import { newTwin, type Twin } from "./twin.ts";
import { ownView, ownViewText, serviceView } from "./view.ts";

const time = Date.UTC(2024, 4, 1, 10, 0, 0, 123);
const printed = "2024-05-01T10:00:00.1230000Z";

const device: Device = {
  deviceId: "d1",
  generationId: "637534345627501371",
  etagNumber: 100_000_002,
  authentication: { type: "sas", primaryKey: "a", secondaryKey: "b" },
  status: "enabled",
  statusReason: null,
  statusUpdatedTime: never,
  iotEdge: false,
  deviceScope: null,
  parentScopes: [],
};

const module: Module = {
  deviceId: "d1",
  moduleId: "m1",
  generationId: "637534345627501372",
  etagNumber: 100_000_004,
  authentication: { type: "sas", primaryKey: "a", secondaryKey: "b" },
  managedBy: null,
};

/** T02 to T04. */
function written(): Twin {
  const first = applyServicePatch(newTwin(time), { desired: { a: 1 } }, time).twin;
  const second = applyServicePatch(first, { tags: { t: 1 } }, time).twin;
  return applyReported(second, { r: 1 }, time).twin;
}

describe.each([
  { of: "a device", identity: device, id: '"deviceId":"d1"', deviceEtag: "MTAwMDAwMDAy" },
  {
    of: "a module",
    identity: module,
    id: '"deviceId":"d1","moduleId":"m1"',
    deviceEtag: "MTAwMDAwMDA0",
  },
])("the twin of $of", ({ identity, id, deviceEtag }) => {
  const tail = isModule(identity) ? "" : ',"capabilities":{"iotEdge":false}';

  function view(twin: Twin, owner = device, queued = 0) {
    const self = isModule(identity) ? identity : owner;
    return serviceView({ identity: self, device: owner, twin, presence: undefined, queued });
  }

  it("N01: shows its owner both sections with $version and nothing else", () => {
    const expected = '{"desired":{"a":1,"$version":2},"reported":{"r":1,"$version":2}}';
    expect(JSON.stringify(ownView(written()))).toBe(expected);
    expect(ownViewText(written())).toBe(expected);
  });

  it("has the text of its own view, empty or not, and once more when asked again", () => {
    const twins = [
      newTwin(time),
      written(),
      applyReported(written(), parseTwinObject('{"__proto__":{"x":"ü\\n"},"toJSON":1}'), 1).twin,
    ];
    for (const twin of [...twins, ...twins]) {
      expect(ownViewText(twin)).toBe(JSON.stringify(ownView(twin)));
    }
  });

  it("does not change when its view is changed by $version", () => {
    const twin = written();
    ownView(twin);
    view(twin);
    expect(twin.desired.value).toEqual({ a: 1 });
  });

  it("T01: shows services a new twin with IoT Hub's members in its order", () => {
    expect(JSON.stringify(view(newTwin(time)))).toBe(
      `{${id},"etag":"AAAAAAAAAAE=","deviceEtag":"${deviceEtag}","status":"enabled",` +
        '"statusUpdateTime":"0001-01-01T00:00:00Z","connectionState":"Disconnected",' +
        '"lastActivityTime":"0001-01-01T00:00:00Z","cloudToDeviceMessageCount":0,' +
        '"authenticationType":"sas",' +
        '"x509Thumbprint":{"primaryThumbprint":null,"secondaryThumbprint":null},' +
        '"modelId":"","version":2,"properties":{' +
        `"desired":{"$metadata":{"$lastUpdated":"${printed}"},"$version":1},` +
        `"reported":{"$metadata":{"$lastUpdated":"${printed}"},"$version":1}}${tail}}`,
    );
  });

  it("shows services a written twin: tags, members, metadata, then version", () => {
    const stamp = `"$lastUpdated":"${printed}"`;
    const both = `${stamp},"$lastUpdatedVersion":2`;
    const text = JSON.stringify(view(written()));
    expect(text).toContain(
      '"modelId":"","version":5,"tags":{"t":1},"properties":{' +
        `"desired":{"a":1,"$metadata":{${both},"a":{${both}}},"$version":2},` +
        `"reported":{"r":1,"$metadata":{${stamp},"r":{${stamp}}},"$version":2}}`,
    );
    expect(text).toContain('"etag":"AAAAAAAAAAM="');
  });

  it("T45: leaves tags out when there are none any more", () => {
    const cleared = applyServicePatch(written(), { tags: { t: null } }, time).twin;
    expect(view(cleared)).not.toHaveProperty("tags");
  });

  it("T51: follows its device's status, with the same version and etag", () => {
    const before = view(written());
    const disabled: Device = {
      ...device,
      etagNumber: 100_000_003,
      status: "disabled",
      statusReason: "lost",
      statusUpdatedTime: time,
    };
    const after = view(written(), disabled);
    expect(after).toMatchObject({ status: "disabled", statusUpdateTime: printed });
    expect(after["version"]).toBe(before["version"]);
    expect(after["etag"]).toBe(before["etag"]);
    expect(after["statusReason"]).toBe(isModule(identity) ? undefined : "lost");
    expect(after["deviceEtag"] === before["deviceEtag"]).toBe(isModule(identity));
  });

  it("shows presence, model id and configurations", () => {
    const twin: Twin = {
      ...newTwin(time),
      modelId: "dtmi:com:example:Thermostat;1",
      configurations: { c1: { status: "Applied" } },
    };
    const presence = { connected: true, stateUpdatedTime: time, lastActivityTime: time };
    const text = JSON.stringify(serviceView({ identity, device, twin, presence, queued: 0 }));
    expect(text).toContain(`"connectionState":"Connected","lastActivityTime":"${printed}"`);
    expect(text).toContain('"modelId":"dtmi:com:example:Thermostat;1"');
    expect(text).toContain('"$version":1}},"configurations":{"c1":{"status":"Applied"}}');
  });

  it("shows thumbprints of self-signed certificates, and no keys", () => {
    const selfSigned = {
      type: "selfSigned",
      primaryThumbprint: "A".repeat(40),
      secondaryThumbprint: null,
    } as const;
    const changed = { ...identity, authentication: selfSigned };
    const parts = { device, twin: newTwin(time), presence: undefined, queued: 0 };
    expect(serviceView({ identity: changed, ...parts })).toMatchObject({
      authenticationType: "selfSigned",
      x509Thumbprint: { primaryThumbprint: "A".repeat(40), secondaryThumbprint: null },
    });
    expect(JSON.stringify(view(newTwin(time)))).not.toContain("Key");
  });

  it("shows capabilities, scopes and queued messages of a device only", () => {
    const edge: Device = {
      ...device,
      iotEdge: true,
      deviceScope: "s://e",
      parentScopes: ["s://p"],
    };
    const shown = view(newTwin(time), edge, 3);
    const { cloudToDeviceMessageCount, capabilities, deviceScope, parentScopes } = shown;
    expect({ cloudToDeviceMessageCount, capabilities, deviceScope, parentScopes }).toEqual(
      isModule(identity)
        ? { cloudToDeviceMessageCount: 0 }
        : {
            cloudToDeviceMessageCount: 3,
            capabilities: { iotEdge: true },
            deviceScope: "s://e",
            parentScopes: ["s://p"],
          },
    );
  });
});
