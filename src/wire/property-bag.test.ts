import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { leastCpuTime } from "../../test/support/cpu-time.ts";
import { decodePropertyBag, encodePropertyBag } from "./property-bag.ts";

function decoded(text: string): { system: object; application: [string, string | null][] } {
  const { system, application } = decodePropertyBag(text);
  return { system, application: [...application] };
}

describe("decoding the bag of an uplink topic (spec/mqtt §5.4)", () => {
  it.each([
    [
      "Node's and Python's spelling",
      "%24.mid=mid%2F1&%24.cid=cid&%24.ct=application%2Fjson&%24.ce=utf-8&a%20b=c%26d%3De",
      {
        messageId: "mid/1",
        correlationId: "cid",
        contentType: "application/json",
        contentEncoding: "utf-8",
      },
      [["a b", "c&d=e"]],
    ],
    [
      "Java's, which writes the dollar raw and stamps an identity of its own",
      "$.mid=mid%2F1&$.cid=cid&$.cdid=dev9&$.cmid=mod9&$.ce=utf-8&$.ct=application%2Fjson&a%20b=c%26d%3De",
      {
        messageId: "mid/1",
        correlationId: "cid",
        contentEncoding: "utf-8",
        contentType: "application/json",
      },
      [["a b", "c&d=e"]],
    ],
    [
      "C's, which writes application properties first",
      "a%20b=c%26d%3De&%24.cid=cid&%24.mid=mid%2F1&%24.ct=application%2Fjson",
      { correlationId: "cid", messageId: "mid/1", contentType: "application/json" },
      [["a b", "c&d=e"]],
    ],
    ["an output name", "%24.on=alert", { outputName: "alert" }, []],
    ["a component and lower-case hex", "%24.sub=t1&k=%c3%bc", { component: "t1" }, [["k", "ü"]]],
    ["Java's content type of its own", "$.ct=UTF-8", { contentType: "UTF-8" }, []],
  ])("reads %s", (_, text, system, application) => {
    expect(decoded(text)).toEqual({ system, application });
  });

  it("knows every system property that a client may set", () => {
    const names = "mid cid uid to ct ce ctime exp on ifid sub schema".split(" ");
    const { system, application } = decoded(names.map((name) => `$.${name}=${name}`).join("&"));
    expect(system).toEqual({
      messageId: "mid",
      correlationId: "cid",
      userId: "uid",
      to: "to",
      contentType: "ct",
      contentEncoding: "ce",
      creationTimeUtc: "ctime",
      expiryTimeUtc: "exp",
      outputName: "on",
      interfaceId: "ifid",
      component: "sub",
      schema: "schema",
    });
    expect(application).toEqual([]);
  });

  it.each([
    ["", []],
    ["flag", [["flag", null]]],
    ["flag=", [["flag", ""]]],
    ["a=1=2", [["a", "1=2"]]],
    ["a=1&a=2", [["a", "2"]]],
    ["?a=1", [["?a", "1"]]],
    [
      "a=1&&b=2&",
      [
        ["a", "1"],
        ["b", "2"],
      ],
    ],
    ["=lost&b=2", [["b", "2"]]],
    [
      "a=%zz%41%&b=%ff%20",
      [
        ["a", "%zzA%"],
        ["b", "%ff%20"],
      ],
    ],
    ["$.unknown=1", [["$.unknown", "1"]]],
    [
      "__proto__=1&constructor=2",
      [
        ["__proto__", "1"],
        ["constructor", "2"],
      ],
    ],
    [
      "a=1&b=x/y&c=3",
      [
        ["a", "1"],
        ["b", null],
      ],
    ],
    ["a/b=1", [["a", null]]],
    ["plus=%2B", [["plus", "+"]]],
  ])("reads %j as %j", (text, application) => {
    expect(decoded(text)).toEqual({ system: {}, application });
  });

  it("takes time in proportion to the text", () => {
    const time = leastCpuTime(() =>
      expect(decodePropertyBag("a&".repeat(32_000)).application.size).toBe(1),
    );
    expect(time).toBeLessThan(500);
  });
});

describe("encoding the bag of a downlink topic", () => {
  it("writes what the live service writes", () => {
    const bag = encodePropertyBag({
      address: { kind: "to", to: "/devices/dev1/messages/deviceBound" },
      system: { messageId: "m1", contentType: "text/plain", contentEncoding: "utf-8" },
      ack: "full",
      application: [["key1", "v 1"]],
    });
    expect(bag).toBe(
      "%24.mid=m1&%24.to=%2Fdevices%2Fdev1%2Fmessages%2FdeviceBound&%24.ct=text%2Fplain&%24.ce=utf-8&iothub-ack=full&key1=v%201",
    );
  });

  it("names the sender first for a module's input", () => {
    const key = { deviceId: "dev1", moduleId: "mod1" };
    const bag = encodePropertyBag({
      address: { kind: "origin", key },
      system: { messageId: "m" },
      application: [["a", "b"]],
    });
    expect(bag).toBe("%24.cdid=dev1&%24.cmid=mod1&%24.mid=m&a=b");
  });

  it.each([
    ["2030-01-01T00:00:00Z", "2030-01-01T00%3A00%3A00.0000000Z"],
    ["2030-01-01T02:00:00.5+02:00", "2030-01-01T00%3A00%3A00.5000000Z"],
    ["2030-01-01T00:00:00.1234567Z", "2030-01-01T00%3A00%3A00.1234567Z"],
  ])("writes the time %s with seven digits, as C# reads it", (time, expected) => {
    const bag = encodePropertyBag({
      address: { kind: "to", to: "t" },
      system: { expiryTimeUtc: time },
      application: [],
    });
    expect(bag).toBe(`%24.exp=${expected}&%24.to=t`);
  });

  it("leaves out properties without a value and times that nobody can read, keeps empty ones", () => {
    const bag = encodePropertyBag({
      address: { kind: "to", to: "t" },
      system: { creationTimeUtc: "yesterday" },
      application: [
        ["null", null],
        ["empty", ""],
      ],
    });
    expect(bag).toBe("%24.to=t&empty=");
  });

  it("satisfies all five parsers, whatever is in it", () => {
    const text = fc.string({ unit: "binary" });
    const some = fc.option(text, { nil: undefined });
    const properties = fc.record({
      address: text.map((to) => ({ kind: "to", to }) as const),
      system: fc.record({ messageId: some, correlationId: some, contentType: some }),
      ack: fc.constantFrom(undefined, "none" as const, "full" as const),
      application: fc.array(fc.tuple(text, fc.option(text))),
    });
    fc.assert(
      fc.property(properties, (message) => {
        const bag = encodePropertyBag(message);
        expect(bag.startsWith("%24.")).toBe(true);
        expect(bag).not.toMatch(/[^A-Za-z0-9!()*\-._%=&]/);
        expect(bag).not.toMatch(/%(?![0-9A-F]{2})/);
      }),
    );
  });

  it("is read back by the decoder, for texts that UTF-8 can hold", () => {
    const text = fc.string({ unit: "grapheme", minLength: 1 });
    fc.assert(
      fc.property(
        text,
        fc.uniqueArray(
          fc.tuple(
            text.filter((name) => !name.startsWith("$.")),
            text,
          ),
          { selector: ([name]) => name },
        ),
        (to, application) => {
          const bag = encodePropertyBag({ address: { kind: "to", to }, system: {}, application });
          expect(decoded(bag)).toEqual({ system: { to }, application });
        },
      ),
    );
  });
});
