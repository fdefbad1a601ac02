import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeMessage } from "./decode.ts";
import { encodeMessage } from "./encode.ts";
import type { AmqpMessage } from "./message.ts";
import { readNewMessage } from "./new-message.ts";
import { TelemetryReader } from "./telemetry-reader.ts";
import { type AmqpValue, symbol, ulong } from "./values.ts";

const seed = 20_261_123;
const text = fc.oneof(fc.string({ maxLength: 20 }), fc.constant("é".repeat(200)));
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const bytes = (maxLength: number) =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const names = fc.oneof(
  text,
  fc.constantFrom(
    "iothub-outputname",
    "iothub-creation-time-utc",
    "iothub-message-schema",
    "__proto__",
  ),
);
const values: fc.Arbitrary<AmqpValue> = fc.oneof(text, fc.constant(null), text.map(symbol));
const annotationNames = fc.constantFrom("iothub-interface-id", "dt-subject", "other");

/** As devices send them: texts, and one data section. */
const telemetry: fc.Arbitrary<AmqpMessage> = fc.record({
  messageId: maybe(text.map((value) => ({ type: "string" as const, value }))),
  userId: maybe(bytes(20)),
  to: maybe(text),
  subject: maybe(text),
  correlationId: maybe(text.map((value) => ({ type: "string" as const, value }))),
  contentType: maybe(fc.constantFrom("application/json", "text/plain")),
  contentEncoding: maybe(fc.constantFrom("utf-8", "gzip")),
  absoluteExpiryTime: maybe(fc.nat()),
  creationTime: maybe(fc.nat()),
  annotations: maybe(fc.array(fc.tuple(annotationNames, values)).map((all) => new Map(all))),
  application: maybe(fc.array(fc.tuple(names, values)).map((all) => new Map(all))),
  body: bytes(600).map((body) => ({ kind: "data" as const, sections: [body] })),
});

/** What is compared: members without a value count as absent. */
function shown({ body, system, application }: ReturnType<typeof readNewMessage>): object {
  return { body: Buffer.from(body).toString("hex"), system, application: [...application] };
}

const byLibrary = (message: Buffer): object => shown(readNewMessage(decodeMessage(message)));

/** The frame around the message begins with other bytes. */
function inPlace(reader: TelemetryReader, message: Buffer): object | undefined {
  const read = reader.read(Buffer.concat([Buffer.alloc(30, 0xff), message]), 30);
  return read && shown(read);
}

describe("telemetry that is read in place", () => {
  it("is what the library makes of it, for one message after the other of a link", () => {
    const someOften = fc.array(fc.tuple(telemetry, fc.nat({ max: 2 }), bytes(10)), {
      maxLength: 5,
    });
    fc.assert(
      fc.property(someOften, (all) => {
        const reader = new TelemetryReader();
        for (const [message, repeats, other] of all) {
          const encoded = encodeMessage(message);
          const again = encodeMessage({ ...message, body: { kind: "data", sections: [other] } });
          for (const sent of [encoded, ...Array.from({ length: repeats }, () => again)])
            expect(inPlace(reader, sent)).toEqual(byLibrary(sent));
        }
      }),
      { seed, numRuns: 200 },
    );
  });

  it("of damaged bytes is either left to the library or what the library makes of it", () => {
    const place = fc.noBias(fc.nat({ max: 10_000 }));
    const damage = fc.array(fc.tuple(place, fc.nat({ max: 255 })), { minLength: 1, maxLength: 3 });
    let taken = 0;
    fc.assert(
      fc.property(telemetry, damage, fc.boolean(), (message, changes, isKnown) => {
        const encoded = encodeMessage(message);
        const damaged = Buffer.from(encoded);
        for (const [at, value] of changes) damaged[at % encoded.length] = value;
        const reader = new TelemetryReader();
        if (isKnown) inPlace(reader, encoded);
        const read = inPlace(reader, damaged);
        if (read === undefined) return;
        taken++;
        expect(read).toEqual(byLibrary(damaged));
      }),
      { seed, numRuns: 3_000 },
    );
    expect(taken).toBeGreaterThan(300);
  });

  it("is left to the library with values of other types, other bodies and sections", () => {
    const data: AmqpMessage["body"] = { kind: "data", sections: [Buffer.from("a")] };
    const others: AmqpMessage[] = [
      { body: { kind: "none" } },
      { body: { kind: "value", value: "a" } },
      { body: { kind: "data", sections: [Buffer.from("a"), Buffer.from("b")] } },
      { body: data, application: new Map([["n", 3]]) },
      { body: data, annotations: new Map([["iothub-interface-id", ulong(1)]]) },
      { body: data, messageId: { type: "ulong", value: 7 } },
      { body: data, deliveryAnnotations: new Map([["a", "b"]]) },
    ];
    for (const message of others)
      expect(inPlace(new TelemetryReader(), encodeMessage(message))).toBeUndefined();
  });

  it("is left to the library if a map holds a key without a value, or anything follows the body", () => {
    const body = Buffer.from([0x00, 0x53, 0x75, 0xa0, 1, 65]);
    const odd = Buffer.from([0x00, 0x53, 0x74, 0xc1, 7, 1, 0xa1, 1, 97, 0xa1, 1, 98]);
    const even = Buffer.from(odd);
    even[5] = 2;
    const reader = new TelemetryReader();
    expect(inPlace(reader, Buffer.concat([even, body]))).toMatchObject({
      application: [["a", "b"]],
    });
    expect(inPlace(reader, Buffer.concat([odd, body]))).toBeUndefined();
    expect(inPlace(reader, Buffer.concat([even, body, Buffer.from([0])]))).toBeUndefined();
  });

  it("is read anew when what stands before the body is longer than what is kept", () => {
    const reader = new TelemetryReader();
    for (const end of ["a", "b"]) {
      const application = new Map([["long", "x".repeat(2_000) + end]]);
      const sent = encodeMessage({
        application,
        body: { kind: "data", sections: [Buffer.from(end)] },
      });
      expect(inPlace(reader, sent)).toEqual(byLibrary(sent));
    }
  });
});
