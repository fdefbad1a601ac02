import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { audienceCovers, audienceIdentities, audienceIdentity, readAudience } from "./audience.ts";

function own(host: string): boolean {
  return ["hub.example.com", "localhost", "::1"].includes(host.toLowerCase());
}

function read(rawResource: string): readonly string[] {
  return readAudience(rawResource, own) ?? ["not this hub"];
}

const devicePath = ["devices", "dev1"];
const modulePath = ["devices", "dev1", "modules", "mod1"];

describe("reading an audience", () => {
  it.each([
    "hub.example.com%2Fdevices%2Fdev1%2Fmodules%2Fmod1",
    "hub.example.com%2fdevices%2fdev1%2fmodules%2fmod1",
    "hub.example.com/devices/dev1/modules/mod1",
    "HUB.Example.com/devices/dev1/modules/mod1/",
    "hub.example.com%3A8883%2Fdevices%2Fdev1%2Fmodules%2Fmod1%2F",
    "https://hub.example.com:443/devices/dev1/modules/mod1//",
    "amqps%3A%2F%2Fhub.example.com%2Fdevices%2Fdev1%2Fmodules%2Fmod1",
    "[::1]:8883/devices/dev1/modules/mod1",
  ])("gives the same path for %s", (resource) => {
    expect(read(resource)).toEqual(modulePath);
  });

  it.each(["hub.example.com", "hub.example.com/", "localhost%3A8883", "LOCALHOST"])(
    "gives the whole hub for %s",
    (resource) => {
      expect(read(resource)).toEqual([]);
    },
  );

  it.each([
    "other.example.com/devices/dev1",
    "hub.example.com.evil.test/devices/dev1",
    "hub.example.com@evil.test/devices/dev1",
    "hub.example.com:x/devices/dev1",
    "devices/dev1",
    "/devices/dev1",
    "",
    "https://",
  ])("gives nothing for %j", (resource) => {
    expect(readAudience(resource, own)).toBeNull();
  });

  it("keeps a plus, and a text with a bad escape", () => {
    expect(read("hub.example.com/devices/a+b%e_f")).toEqual(["devices", "a+b%e_f"]);
  });
});

describe("an audience covers", () => {
  it("itself and what lies below it, by whole segments", () => {
    expect(audienceCovers([], modulePath)).toBe(true);
    expect(audienceCovers(["devices"], modulePath)).toBe(true);
    expect(audienceCovers(devicePath, devicePath)).toBe(true);
    expect(audienceCovers(["twins"], ["twins", "dev1"])).toBe(true);
  });

  it("A11: not a device by its module", () => {
    expect(audienceCovers(modulePath, devicePath)).toBe(false);
  });

  it("A12: a module by its device, so that an identity's own key needs the whole path", () => {
    expect(audienceCovers(devicePath, modulePath)).toBe(true);
    expect(audienceIdentity(devicePath)).toEqual({ deviceId: "dev1" });
  });

  it("A13, A14: not another device or module, nor one whose id begins alike", () => {
    expect(audienceCovers(devicePath, ["devices", "dev2"])).toBe(false);
    expect(audienceCovers(read("hub.example.com%2Fdevices%2Fdev"), devicePath)).toBe(false);
    expect(audienceCovers(["devices", "dev1", "modules", "mod"], modulePath)).toBe(false);
  });

  it("in any case", () => {
    expect(audienceCovers(["DEVICES", "Dev1", "Modules", "MOD1"], modulePath)).toBe(true);
  });

  it.each(["%24edgeAgent", "%2524edgeAgent", "$edgeAgent"])("A34: $edgeAgent as %s", (id) => {
    const audience = read(`hub.example.com%2Fdevices%2Fdev1%2Fmodules%2F${id}`);
    const path = ["devices", "dev1", "modules", "$edgeAgent"];
    expect(audienceCovers(audience, path)).toBe(true);
    expect(audienceIdentity(audience)).toEqual({ deviceId: "dev1", moduleId: "$edgeAgent" });
  });

  it("no second segment by an escaped slash", () => {
    expect(audienceCovers(["devices", "dev1%2Fmodules", "mod1"], modulePath)).toBe(false);
  });
});

describe("the identity of an audience", () => {
  it("is a device or a module", () => {
    expect(audienceIdentity(devicePath)).toEqual({ deviceId: "dev1" });
    expect(audienceIdentity(modulePath)).toEqual({ deviceId: "dev1", moduleId: "mod1" });
  });

  it.each([
    [[]],
    [["devices"]],
    [["devices", ""]],
    [["devices", "dev1", "modules"]],
    [["devices", "dev1", "messages", "events"]],
    [["devices", "dev1", "modules", "mod1", "x"]],
    [["devices", "a b"]],
    [["twins", "dev1"]],
  ])("is nobody for %j", (audience) => {
    expect(audienceIdentity(audience)).toBeNull();
  });

  it("may be one of two if an id looks escaped", () => {
    expect(audienceIdentities(["devices", "a%2541"])).toEqual([
      { deviceId: "a%41" },
      { deviceId: "a%2541" },
    ]);
    expect(audienceIdentities(["devices", "50%"])).toEqual([{ deviceId: "50%" }]);
    expect(audienceIdentities(["devices", "a%2Fb"])).toEqual([{ deviceId: "a%2Fb" }]);
  });
});

const id = fc.string({
  unit: fc.constantFrom(..."ABCabc0129-:.+%_#*?!(),=@;$'".split("")),
  minLength: 1,
  maxLength: 128,
});

describe("ids of every kind", () => {
  it("are recognised when they are escaped once with the whole, or twice", () => {
    fc.assert(
      fc.property(id, id, (deviceId, moduleId) => {
        const path = ["devices", deviceId, "modules", moduleId];
        const once = `localhost/${path.join("/")}`;
        const twice = `localhost/${path.map(encodeURIComponent).join("/")}`;
        const key = { deviceId, moduleId };
        for (const resource of [once, twice].map(encodeURIComponent)) {
          const audience = read(resource);
          expect(audienceCovers(audience, path)).toBe(true);
          expect(audienceIdentities(audience)).toContainEqual(key);
        }
      }),
    );
  });
});
