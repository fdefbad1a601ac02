import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HubError } from "../domain/errors.ts";
import { readAudience, signSas, verifySas } from "../domain/identity/sas.ts";
import { createSasToken, maxTokenLength, parseSasToken } from "./sas-token.ts";

const k1 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const expiry = 1_893_456_000;
const device =
  "sr=hub.example.com%2Fdevices%2Fdev1&sig=reBgGA%2FwBHljQTSQU9PDpSCkDsY%2BiV4gIYSXx5Q9KEk%3D&se=1893456000";
const module =
  "sr=hub.example.com%2Fdevices%2Fdev1%2Fmodules%2Fmod1&sig=o6BUUqjJ8wopeMM1HPHM91QlAfeD3oZ5q%2FTAofueotA%3D&se=1893456000";

function parse(fields: string): ReturnType<typeof parseSasToken> {
  return parseSasToken(`SharedAccessSignature ${fields}`);
}

function refused(text: string): HubError {
  try {
    parseSasToken(text);
  } catch (error) {
    if (error instanceof HubError) return error;
    throw error;
  }
  throw new Error(`was not refused: ${text}`);
}

describe("reading a token", () => {
  it("A01: gives the fields of a device's", () => {
    expect(parse(device)).toStrictEqual({
      rawResource: "hub.example.com%2Fdevices%2Fdev1",
      rawExpiry: "1893456000",
      expiry,
      signature: "reBgGA/wBHljQTSQU9PDpSCkDsY+iV4gIYSXx5Q9KEk=",
    });
  });

  it("A10: gives the fields of a module's", () => {
    expect(parse(module)).toMatchObject({
      rawResource: "hub.example.com%2Fdevices%2Fdev1%2Fmodules%2Fmod1",
      signature: "o6BUUqjJ8wopeMM1HPHM91QlAfeD3oZ5q/TAofueotA=",
    });
  });

  it("A06: does not mind the order of fields, the case of names or unknown fields", () => {
    for (const fields of [device, module]) {
      const reversed = fields.split("&").toReversed().join("&");
      expect(parse(reversed)).toEqual(parse(fields));
      expect(parse(fields.replace("sr=", "SR=").replace("sig=", "Sig="))).toEqual(parse(fields));
      expect(parse(`${fields}&x=1`)).toEqual(parse(fields));
    }
  });

  it("takes the orders of Node (policy) and Java", () => {
    expect(parse("sr=h&sig=YQ%3D%3D&skn=iothubowner&se=1795403251")).toEqual({
      rawResource: "h",
      rawExpiry: "1795403251",
      expiry: 1_795_403_251,
      signature: "YQ==",
      policy: "iothubowner",
    });
    expect(parse("sig=YQ%3D%3D&se=1&sr=h/devices/dev1/modules/mod1")).toMatchObject({
      rawResource: "h/devices/dev1/modules/mod1",
    });
  });

  it("takes an unescaped signature: its plus is a plus, its padding is kept", () => {
    expect(parse("sr=h&sig=a+/b==&se=1").signature).toBe("a+/b==");
  });

  it("takes an empty policy as none", () => {
    expect(parse(`${device}&skn=`)).toStrictEqual(parse(device));
  });

  it("takes a fraction in the expiry", () => {
    expect(parse("sr=h&sig=a&se=1893456000.5")).toMatchObject({
      rawExpiry: "1893456000.5",
      expiry: 1_893_456_000.5,
    });
  });

  it.each([
    ["A07: without se", "SharedAccessSignature sr=h&sig=a"],
    ["A07: without sr", "SharedAccessSignature sig=a&se=1"],
    ["without sig", "SharedAccessSignature sr=h&se=1"],
    ["A07: with a prefix in lower case", `sharedaccesssignature ${device}`],
    ["without a prefix", device],
    ["with two blanks", `SharedAccessSignature  ${device}`],
    ["with the prefix alone", "SharedAccessSignature"],
    ["empty", ""],
    ["with an empty sr", "SharedAccessSignature sr=&sig=a&se=1"],
    ["with an empty sig", "SharedAccessSignature sr=h&sig=&se=1"],
    ["with sr twice", "SharedAccessSignature sr=h&sr=h&sig=a&se=1"],
    ["with SR beside sr", "SharedAccessSignature sr=h&SR=h&sig=a&se=1"],
    ["with a field without a value", "SharedAccessSignature sr=h&sig=a&se=1&skn"],
    ["with a field without a name", "SharedAccessSignature sr=h&sig=a&se=1&=x"],
    ["with an & at the end", "SharedAccessSignature sr=h&sig=a&se=1&"],
    ["with a bad escape in sig", "SharedAccessSignature sr=h&sig=%zz&se=1"],
    ["with a bad escape in skn", "SharedAccessSignature sr=h&sig=a&se=1&skn=%"],
    ["with an expiry in words", "SharedAccessSignature sr=h&sig=a&se=never"],
    ["with a negative expiry", "SharedAccessSignature sr=h&sig=a&se=-1"],
    ["with an exponent", "SharedAccessSignature sr=h&sig=a&se=1e9"],
    ["with an endless expiry", `SharedAccessSignature sr=h&sig=a&se=${"9".repeat(400)}`],
  ])("%s is refused", (_, text) => {
    expect(refused(text)).toMatchObject({ number: 401002 });
  });

  it("refuses more than 4096 characters and never repeats the text", () => {
    const longest = `SharedAccessSignature sig=a&se=1&sr=${"h".repeat(maxTokenLength - 36)}`;
    expect(longest).toHaveLength(4096);
    expect(parseSasToken(longest).rawResource).toHaveLength(maxTokenLength - 36);
    const error = refused(`${longest}h`);
    expect(error.message).toMatch(/^malformed/);
    expect(error.message).not.toContain("hhh");
    expect(error.message).not.toContain(";");
  });
});

describe("writing a token", () => {
  it.each([
    ["device", "hub.example.com/devices/dev1", device],
    ["module", "hub.example.com/devices/dev1/modules/mod1", module],
  ])("gives the published text for a %s", (_, resource, fields) => {
    expect(createSasToken({ resource, key: k1, expiry })).toBe(`SharedAccessSignature ${fields}`);
  });

  it("gives the published text for a policy", () => {
    const options = { resource: "hub.example.com", key: k1, expiry, policy: "iothubowner" };
    expect(createSasToken(options)).toBe(
      "SharedAccessSignature sr=hub.example.com&sig=0ybjWqb2iuIYsT9aRPtEu4TBAzr3z9wrj%2BxyQjojGYc%3D&se=1893456000&skn=iothubowner",
    );
  });

  it("escapes what encodeURIComponent leaves alone, in upper case", () => {
    expect(createSasToken({ resource: "h/devices/!'()*-._~$", key: k1, expiry })).toContain(
      "sr=h%2Fdevices%2F%21%27%28%29%2A-._~%24&",
    );
  });
});

const id = fc.string({
  unit: fc.constantFrom(..."ABCXYZabcxyz0189-:.+%_#*?!(),=@;$'".split("")),
  minLength: 1,
  maxLength: 128,
});
const key = fc
  .uint8Array({ minLength: 16, maxLength: 64 })
  .map((bytes) => Buffer.from(bytes).toString("base64"));

describe("a written token", () => {
  it("reads as it was meant, for every device, module and policy", () => {
    fc.assert(
      fc.property(
        fc.array(id, { minLength: 1, maxLength: 2 }),
        key,
        fc.integer({ min: 1, max: 4_102_444_800 }),
        fc.option(id, { nil: undefined }),
        ([deviceId = "", moduleId], secret, expiry, policy) => {
          const path = [
            "devices",
            deviceId,
            ...(moduleId === undefined ? [] : ["modules", moduleId]),
          ];
          const resource = `hub.example.com/${path.join("/")}`;
          const token = parseSasToken(createSasToken({ resource, key: secret, expiry, policy }));
          expect(token).toStrictEqual({
            rawResource: token.rawResource,
            rawExpiry: String(expiry),
            expiry,
            signature: signSas(token.rawResource, String(expiry), secret),
            ...(policy === undefined ? {} : { policy }),
          });
          expect(readAudience(token.rawResource, (host) => host === "hub.example.com")).toEqual(
            path,
          );
          const keys = { primary: secret, secondary: k1 };
          expect(verifySas(token, keys, expiry * 1000, 0)).toBe("primary");
        },
      ),
    );
  });
});

it("whatever is read is a token or a refusal", () => {
  const text = fc.oneof(
    fc.string(),
    fc.string().map((rest) => `SharedAccessSignature ${rest}`),
    fc
      .array(fc.tuple(fc.constantFrom("sr", "sig", "se", "skn", "x"), fc.string()))
      .map((fields) => `SharedAccessSignature ${fields.map((f) => f.join("=")).join("&")}`),
  );
  fc.assert(
    fc.property(text, (text) => {
      try {
        const token = parseSasToken(text);
        expect(Number.isFinite(token.expiry) && token.signature !== "").toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(HubError);
      }
    }),
  );
});
