import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rhea } from "../rhea/library.ts";
import type { RheaFrame } from "../rhea/types.ts";
import { readTransfer } from "./read-transfer.ts";

const { frames } = rhea;
const seed = 20_261_123;

interface Fields {
  readonly handle: number;
  readonly delivery_id: number | null;
  readonly delivery_tag: Buffer | null;
  readonly message_format: number | null;
  readonly settled: boolean | null;
  readonly more: boolean;
  readonly resume: boolean;
  readonly aborted: boolean;
  readonly batchable: boolean;
}

const ordinary: Fields = {
  handle: 1,
  delivery_id: 7,
  delivery_tag: Buffer.from("tag"),
  message_format: 0,
  settled: false,
  more: false,
  resume: false,
  aborted: false,
  batchable: false,
};

function frameOf(channel: number, fields: Fields, payload: Buffer): Buffer {
  const performative = frames.transfer(fields);
  return frames.write_frame({ channel, type: 0, performative, payload });
}

/** As the library reads it; undefined for what it does not, or for what is no ordinary transfer. */
function readByLibrary(frame: Buffer): object | undefined {
  const { channel, performative, payload } = frames.read_frame(frame) as unknown as RheaFrame<
    Fields & { rcv_settle_mode: unknown; state: unknown }
  >;
  const { handle, delivery_id, message_format, settled, more, resume, aborted } = performative;
  const { rcv_settle_mode, state } = performative;
  const isOrdinary =
    !message_format && !settled && !more && !resume && !aborted && !rcv_settle_mode && !state;
  if (!isOrdinary) return undefined;
  return {
    channel,
    handle,
    deliveryId: delivery_id,
    bytes: (payload ?? Buffer.alloc(0)).toString("hex"),
  };
}

function readInPlace(frame: Buffer): object | undefined {
  const transfer = readTransfer(frame);
  if (transfer === undefined) return undefined;
  const { channel, handle, deliveryId, start } = transfer;
  return { channel, handle, deliveryId, bytes: frame.subarray(start).toString("hex") };
}

const uint = fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 300 }), fc.nat({ max: 0xffff_ffff }));
const flag = fc.oneof(
  { weight: 4, arbitrary: fc.constant(false) },
  { weight: 1, arbitrary: fc.constant(true) },
);
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const anyFields: fc.Arbitrary<Fields> = fc.record({
  handle: uint,
  delivery_id: fc.option(uint, { freq: 9 }),
  delivery_tag: fc.option(bytes, { freq: 9 }),
  message_format: fc.option(fc.constantFrom(0, 0, 0, 0x80013700), { freq: 3 }),
  settled: fc.option(flag, { freq: 3 }),
  more: flag,
  resume: flag,
  aborted: flag,
  batchable: flag,
});

describe("a transfer that is read in place", () => {
  it("says what the library says, and is left to it if it is out of the ordinary", () => {
    fc.assert(
      fc.property(fc.nat({ max: 65_535 }), anyFields, bytes, (channel, fields, payload) => {
        const frame = frameOf(channel, fields, payload);
        const isComplete = fields.delivery_id !== null && fields.delivery_tag !== null;
        expect(readInPlace(frame)).toEqual(isComplete ? readByLibrary(frame) : undefined);
      }),
      { seed, numRuns: 500 },
    );
  });

  it("of damaged bytes is either left to the library or read as the library reads it", () => {
    const damage = fc.array(fc.tuple(fc.nat({ max: 60 }), fc.nat({ max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    let taken = 0;
    fc.assert(
      fc.property(damage, bytes, (changes, payload) => {
        const frame = frameOf(3, ordinary, payload);
        for (const [at, value] of changes) if (at >= 4 && at < frame.length) frame[at] = value;
        const inPlace = readInPlace(frame);
        if (inPlace === undefined) return;
        taken++;
        expect(inPlace).toEqual(readByLibrary(frame));
      }),
      { seed, numRuns: 2_000 },
    );
    expect(taken).toBeGreaterThan(50);
  });

  it("is none if the frame ends before it does, wherever it is cut", () => {
    const frame = frameOf(0, ordinary, Buffer.alloc(0));
    expect(readInPlace(frame)).toEqual({ channel: 0, handle: 1, deliveryId: 7, bytes: "" });
    for (let length = 8; length < frame.length; length++)
      expect(readTransfer(frame.subarray(0, length))).toBeUndefined();
  });

  it("is none among frames of other kinds", () => {
    const others = [
      frames.flow({
        next_incoming_id: 1,
        incoming_window: 2,
        next_outgoing_id: 3,
        outgoing_window: 4,
      }),
      frames.disposition({ role: true, first: 1, last: 2, settled: true }),
      frames.detach({ handle: 1, closed: true }),
      undefined,
    ];
    for (const performative of others) {
      const frame = frames.write_frame({ channel: 0, type: 0, performative });
      expect(readTransfer(frame)).toBeUndefined();
    }
  });
});
