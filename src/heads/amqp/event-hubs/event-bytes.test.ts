import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LoggedMessage } from "../../../app/ports.ts";
import { never } from "../../../domain/time.ts";
import { decodeMessage } from "../codec/decode.ts";
import { ByteWriter } from "../codec/byte-writer.ts";
import { EventEncoder, type RuntimeMetrics } from "./event-bytes.ts";

const enqueuedTime = Date.UTC(2026, 4, 1, 10);

const ofModule: LoggedMessage = {
  partition: 1,
  sequenceNumber: 300,
  message: {
    key: { deviceId: "d1", moduleId: "m1" },
    body: Buffer.from('{"temperature":21}'),
    system: {
      messageId: "id",
      correlationId: "c",
      userId: "u",
      contentType: "application/json",
      contentEncoding: "utf-8",
      creationTimeUtc: "2026-05-01T10:00:00Z",
      component: "thermostat",
      outputName: "alerts",
      schema: "s1",
    },
    application: [
      ["level", "high"],
      ["empty", null],
    ],
    source: "Telemetry",
    enqueuedTime,
    generationId: "638000000000000000",
    authMethod: '{"scope":"module","type":"sas","issuer":"iothub","acceptingIpFilterRule":null}',
    modelId: "dtmi:com:example:Thermostat;1",
  },
};

function encodeEvent(logged: LoggedMessage, metrics?: RuntimeMetrics): Buffer {
  const encoder = new EventEncoder();
  encoder.metrics = metrics;
  return encodeBy(encoder, logged);
}

function encodeBy(encoder: EventEncoder, logged: LoggedMessage): Buffer {
  const writer = new ByteWriter(Buffer.alloc(encoder.capacityOf(logged)));
  encoder.write(writer, logged);
  return writer.bytes.subarray(0, writer.at);
}

describe("an event", () => {
  it("of a module carries all that is known of it", () => {
    const { annotations, application, body, deliveryAnnotations, ...properties } = decodeMessage(
      encodeEvent(ofModule),
    );
    expect(Object.fromEntries(annotations ?? [])).toEqual({
      "x-opt-sequence-number": 299,
      "x-opt-offset": "299",
      "x-opt-enqueued-time": new Date(enqueuedTime),
      "iothub-enqueuedtime": new Date(enqueuedTime),
      "iothub-connection-device-id": "d1",
      "iothub-connection-module-id": "m1",
      "iothub-connection-auth-method": ofModule.message.authMethod,
      "iothub-connection-auth-generation-id": "638000000000000000",
      "iothub-message-source": "Telemetry",
      "iothub-creation-time-utc": "2026-05-01T10:00:00Z",
      "dt-dataschema": "dtmi:com:example:Thermostat;1",
      "dt-subject": "thermostat",
      "iothub-outputname": "alerts",
    });
    expect(Object.fromEntries(application ?? [])).toEqual({
      level: "high",
      empty: null,
      "iothub-message-schema": "s1",
    });
    expect(properties).toMatchObject({
      messageId: { type: "string", value: "id" },
      correlationId: { type: "string", value: "c" },
      userId: Buffer.from("u"),
      contentType: "application/json",
      contentEncoding: "utf-8",
    });
    expect(body).toEqual({ kind: "data", sections: [ofModule.message.body] });
    expect(deliveryAnnotations).toBeUndefined();
  });

  it("of the hub itself names no sender's credential, and of a device no module", () => {
    const { annotations, ...others } = decodeMessage(
      encodeEvent({
        ...ofModule,
        sequenceNumber: 1,
        message: {
          ...ofModule.message,
          key: { deviceId: "d1" },
          source: "twinChangeEvents",
          system: {},
          application: [],
          authMethod: "",
          modelId: "",
        },
      }),
    );
    expect([...(annotations?.keys() ?? [])]).toEqual([
      "x-opt-sequence-number",
      "x-opt-offset",
      "x-opt-enqueued-time",
      "iothub-enqueuedtime",
      "iothub-connection-device-id",
      "iothub-message-source",
    ]);
    expect(annotations?.get("x-opt-sequence-number")).toBe(0);
    expect([others.application, others.messageId]).toEqual([undefined, undefined]);
  });

  it("tells how far the partition goes, also where it never had anything", () => {
    const partition = { partition: 1, firstSequenceNumber: 1, lastSequenceNumber: 400 };
    const now = enqueuedTime + 5;
    const told = (lastSequenceNumber: number) =>
      Object.fromEntries(
        decodeMessage(
          encodeEvent(ofModule, {
            partition: { ...partition, lastSequenceNumber, lastEnqueuedTime: enqueuedTime },
            now,
          }),
        ).deliveryAnnotations ?? [],
      );
    expect(told(400)).toEqual({
      last_enqueued_sequence_number: 399,
      last_enqueued_offset: "399",
      last_enqueued_time_utc: new Date(enqueuedTime),
      runtime_info_retrieval_time_utc: new Date(now),
    });
    expect(told(0)).toMatchObject({
      last_enqueued_sequence_number: -1,
      last_enqueued_offset: "-1",
      last_enqueued_time_utc: new Date(never),
    });
  });

  it("comes out as it went in, whatever its texts and bytes", () => {
    const text = fc.string({ unit: "binary", maxLength: 400 });
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 600 }),
        fc.uniqueArray(fc.tuple(text, fc.option(text)), { selector: ([name]) => name }),
        text,
        fc.integer({ min: 1, max: 2 ** 52 }),
        (bytes, application, messageId, sequenceNumber) => {
          const decoded = decodeMessage(
            encodeEvent({
              partition: 0,
              sequenceNumber,
              message: { ...ofModule.message, body: bytes, application, system: { messageId } },
            }),
          );
          const body = decoded.body.kind === "data" ? decoded.body.sections[0] : undefined;
          expect(Buffer.from(body ?? []).equals(Buffer.from(bytes))).toBe(true);
          const written = application.map(([name, value]) => [
            wellFormed(name),
            value === null ? null : wellFormed(value),
          ]);
          expect([...(decoded.application ?? [])]).toEqual([
            ...new Map(written as [string, string][]),
          ]);
          expect(decoded.messageId?.value).toBe(wellFormed(messageId));
          expect(decoded.annotations?.get("x-opt-offset")).toBe(String(sequenceNumber - 1));
        },
      ),
    );
  });

  it("has the same bytes whatever was encoded before it", () => {
    const few = (...values: readonly string[]) => fc.constantFrom(...values);
    const some = fc.option(few("", "a", "é"), { nil: undefined });
    const long = few("short", "l".repeat(3_000));
    const message = fc.record({
      key: fc.constantFrom({ deviceId: "d1" }, { deviceId: "d1", moduleId: "m1" }),
      body: fc.uint8Array({ maxLength: 300 }),
      system: fc.record(
        { component: some, interfaceId: some, outputName: some, creationTimeUtc: some },
        { requiredKeys: [] },
      ),
      application: fc.array(fc.tuple(few("x", "y"), fc.option(few("1", "2"))), { maxLength: 2 }),
      source: fc.constantFrom("Telemetry" as const, "twinChangeEvents" as const),
      enqueuedTime: fc.integer({ min: 0, max: 2 ** 48 }),
      generationId: few("1", "2"),
      authMethod: few("", "sas"),
      modelId: long,
    });
    const edges = [1, 127, 128, 129, 130, 999, 1000, 1001, 9_999, 10_000, 2 ** 32, 2 ** 52];
    const sequenceNumber = fc.oneof(
      fc.constantFrom(...edges, ...edges.map((edge) => edge + 1)),
      fc.integer({ min: 1, max: 1_200 }),
    );
    const events = fc.record({ partition: fc.constant(0), sequenceNumber, message });
    fc.assert(
      fc.property(fc.array(events, { minLength: 2, maxLength: 12 }), (sequence) => {
        const encoder = new EventEncoder();
        for (const logged of sequence)
          expect(encodeBy(encoder, logged).toString("hex")).toBe(
            encodeEvent(logged).toString("hex"),
          );
      }),
      { seed: 20_261_123, numRuns: 500 },
    );
  });
});

/** As UTF-8 can hold it. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}
