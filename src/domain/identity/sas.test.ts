import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SasToken } from "./credentials.ts";
import { maxClockSkew, noKeys, signSas, verifySas } from "./sas.ts";

const expiry = 1_893_456_000; // 2030-01-01T00:00:00Z
const before = Date.UTC(2029, 11, 31);
const k1 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const k2 = "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=";
const dev1 = { primary: k1, secondary: k2 };

function token(rawResource: string, signature: string, part: Partial<SasToken> = {}): SasToken {
  return { rawResource, rawExpiry: String(expiry), expiry, signature, ...part };
}

const device = "hub.example.com%2Fdevices%2Fdev1";
const module = "hub.example.com%2Fdevices%2Fdev1%2Fmodules%2Fmod1";
const deviceSignature = "reBgGA/wBHljQTSQU9PDpSCkDsY+iV4gIYSXx5Q9KEk=";
const moduleSignature = "o6BUUqjJ8wopeMM1HPHM91QlAfeD3oZ5q/TAofueotA=";

// The module's signatures that the specification does not list were computed with Python's hmac.
describe("the published signatures", () => {
  it.each([
    ["A01: a device", device, deviceSignature],
    ["A10: a module", module, moduleSignature],
    ["a policy", "hub.example.com", "0ybjWqb2iuIYsT9aRPtEu4TBAzr3z9wrj+xyQjojGYc="],
    [
      "A03: a device in lower-case escapes",
      "hub.example.com%2fdevices%2fdev1",
      "ukfI89fEH047b9qjjSC5G0MlPKmFhPPu8esGoxPGAkY=",
    ],
    [
      "A03: a module in lower-case escapes",
      "hub.example.com%2fdevices%2fdev1%2fmodules%2fmod1",
      "kEVzpQz24TKWutw+DEQae/5oCSqk1Soryxh2FUN5yck=",
    ],
    [
      "A03: a device without escapes",
      "hub.example.com/devices/dev1",
      "8CU+CNWlCzulTx+0iwlwKe0YaZuQ3U1lBbxztK78CqE=",
    ],
    [
      "A03: a module without escapes",
      "hub.example.com/devices/dev1/modules/mod1",
      "xnmTIxAP1KzX1xz5+BrHp9ny7L4Z34r+QXVEoQdYO7E=",
    ],
  ])("%s: accepted with the primary key", (_, resource, signature) => {
    expect(signSas(resource, String(expiry), k1)).toBe(signature);
    expect(verifySas(token(resource, signature), dev1, before, maxClockSkew)).toBe("primary");
  });

  it.each([
    ["device", device, "Lzqb8+0g39lmAqt3qEeqBC5JB5pjSZE/TnkbLkLFkWk="],
    ["module", module, "o4BO71VjaIpG7EllKUUzWLqyRCohzEdgnFp1hNNOb3U="],
  ])("A02: a %s's is accepted with the secondary key", (_, resource, signature) => {
    expect(verifySas(token(resource, signature), dev1, before, maxClockSkew)).toBe("secondary");
  });

  it("of the Node SDK's module client is accepted", () => {
    const captured = token(
      "localhost%2Fdevices%2Fdev1%2Fmodules%2Fmod1",
      "WKgxn9BtX3LtyA1FuY0vApk2nT+V5R9bBaDN6aH5dBI=",
      { rawExpiry: "1795404306", expiry: 1_795_404_306 },
    );
    const keys = { primary: k1, secondary: "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MTI=" };
    expect(verifySas(captured, keys, 0, maxClockSkew)).toBe("secondary");
  });
});

describe.each([
  ["device", device, deviceSignature],
  ["module", module, moduleSignature],
])("a %s's token", (_, resource, signature) => {
  function verify(shown: SasToken, now = before): string | null {
    return verifySas(shown, dev1, now, maxClockSkew);
  }

  it("A04: is refused with any changed character in its signature", () => {
    for (let i = 0; i < signature.length; i++) {
      const changed = `${signature.slice(0, i)}${signature[i] === "A" ? "B" : "A"}${signature.slice(i + 1)}`;
      expect(verify(token(resource, changed))).toBeNull();
    }
  });

  it("A04: is refused with a signature that decodes to the same bytes but reads otherwise", () => {
    for (const changed of [`${signature}=`, signature.slice(0, -1), ` ${signature}`, ""]) {
      expect(verify(token(resource, changed))).toBeNull();
    }
  });

  it("A05: is refused if its resource is written otherwise than it was signed", () => {
    expect(verify(token(resource.replaceAll("%2F", "%2f"), signature))).toBeNull();
    expect(verify(token(resource.replaceAll("%2F", "/"), signature))).toBeNull();
  });

  it("A08: counts for five minutes after its expiry", () => {
    const shown = token(resource, signature);
    expect(verify(shown, (expiry + 4 * 60 + 59) * 1000)).toBe("primary");
    expect(verify(shown, (expiry + 5 * 60) * 1000)).toBe("primary");
    expect(verify(shown, (expiry + 5 * 60 + 1) * 1000)).toBeNull();
    expect(verifySas(shown, dev1, expiry * 1000 + 1, 0)).toBeNull();
  });

  it("A09: is refused with a later expiry under the same signature", () => {
    const later = { rawExpiry: String(expiry + 1), expiry: expiry + 1 };
    expect(verify(token(resource, signature, later))).toBeNull();
  });

  it("is refused if its expiry is no number", () => {
    const rawExpiry = "never";
    const signed = signSas(resource, rawExpiry, k1);
    expect(verify(token(resource, signed, { rawExpiry, expiry: Number.NaN }))).toBeNull();
  });

  it("A35: is refused once both keys are others", () => {
    const keys = { primary: k2, secondary: k2 };
    expect(verifySas(token(resource, signature), keys, before, maxClockSkew)).toBeNull();
  });

  it("A19: is refused for whom there is no key, even if it is signed with an empty one", () => {
    const signed = token(resource, signSas(resource, String(expiry), ""));
    expect(verifySas(signed, noKeys, before, maxClockSkew)).toBeNull();
  });
});

it("what is signed with a key is accepted with it alone", () => {
  const key = fc
    .uint8Array({ minLength: 16, maxLength: 64 })
    .map((bytes) => Buffer.from(bytes).toString("base64"));
  fc.assert(
    fc.property(fc.string(), key, key, (resource, mine, other) => {
      // HMAC takes a key of up to 64 bytes for the same key with zeros behind it.
      fc.pre(padded(mine) !== padded(other));
      const signed = token(resource, signSas(resource, String(expiry), mine));
      const keys = { primary: other, secondary: mine };
      expect(verifySas(signed, keys, before, maxClockSkew)).toBe("secondary");
      expect(verifySas(signed, { primary: other, secondary: other }, before, 0)).toBeNull();
      // Shown once more: only the keys and the time of each call count.
      expect(verifySas(signed, { primary: mine, secondary: other }, before, 0)).toBe("primary");
      expect(verifySas(signed, { primary: other, secondary: mine }, before, 0)).toBe("secondary");
      expect(verifySas(signed, keys, (expiry + 1) * 1000, 0)).toBeNull();
      expect(verifySas(signed, noKeys, before, 0)).toBeNull();
    }),
  );
});

function padded(key: string): string {
  return Buffer.from(key, "base64").toString("hex").padEnd(128, "0");
}
