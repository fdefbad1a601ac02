import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { leastCpuTime } from "../../test/support/cpu-time.ts";
import { FrameGuard } from "./frame-guard.ts";

const limit = 327_695;

function frame(type: number, body: Uint8Array): Buffer {
  const length: number[] = [];
  let left = body.length;
  do {
    const low = left % 128;
    left = Math.floor(left / 128);
    length.push(left > 0 ? low + 128 : low);
  } while (left > 0);
  return Buffer.concat([Buffer.of(type, ...length), body]);
}

function takeAll(guard: FrameGuard): Buffer[] {
  const taken: Buffer[] = [];
  for (let next = guard.next(); next !== undefined; next = guard.next()) taken.push(next);
  return taken;
}

describe("the frame guard", () => {
  it("gives back the same packets however the stream is cut into chunks", () => {
    const packets = fc.array(
      fc.record({
        type: fc.integer({ min: 0, max: 255 }),
        body: fc.oneof(
          fc.uint8Array({ maxLength: 8 }),
          fc.uint8Array({ minLength: 100, maxLength: 700 }),
          fc.constant(new Uint8Array(17_000)),
        ),
      }),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(
        packets,
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }),
        fc.boolean(),
        (content, sizes, pullLate) => {
          const expected = content.map(({ type, body }) => frame(type, body));
          const stream = Buffer.concat(expected);
          const guard = new FrameGuard(limit);
          const taken: Buffer[] = [];
          for (let at = 0, turn = 0; at < stream.length; turn++) {
            const size = sizes[turn % sizes.length] ?? 1;
            guard.push(stream.subarray(at, at + size));
            at += size;
            if (!pullLate) taken.push(...takeAll(guard));
          }
          taken.push(...takeAll(guard));
          expect(taken.map((packet) => packet.toString("hex"))).toEqual(
            expected.map((packet) => packet.toString("hex")),
          );
          expect(guard.heldBytes).toBe(0);
        },
      ),
    );
  });

  it("returns a view of the chunk when the packet lies within it", () => {
    const guard = new FrameGuard(limit);
    const chunk = Buffer.concat([frame(0xc0, Buffer.alloc(0)), frame(0x30, Buffer.from("abc"))]);
    guard.push(chunk);
    expect(guard.next()?.buffer).toBe(chunk.buffer);
    expect(guard.next()?.buffer).toBe(chunk.buffer);
    expect(guard.next()).toBeUndefined();
  });

  it("holds no chunk once everything in it has been taken", () => {
    const guard = new FrameGuard(limit);
    guard.push(frame(0x30, Buffer.from("abc")));
    expect(guard.advance()).toBe(true);
    expect(guard.packet()).toEqual(frame(0x30, Buffer.from("abc")));
    expect(guard.advance()).toBe(false);
    expect(guard.bytes).toHaveLength(0);
  });

  it("refuses a declared length above the limit before it has buffered anything of it", () => {
    const guard = new FrameGuard(1_000);
    guard.push(Buffer.of(0x30, 0xe6, 0x07)); // 998 bytes and 3 of header
    expect(() => guard.next()).toThrow(/declares 1001 bytes, more than the limit of 1000/);
    const exact = new FrameGuard(1_000);
    exact.push(frame(0x30, Buffer.alloc(997)));
    expect(exact.next()).toHaveLength(1_000);
  });

  it("refuses the largest length that can be declared, byte by byte", () => {
    const guard = new FrameGuard(limit);
    const push = (byte: number): void => {
      guard.push(Buffer.of(byte));
      guard.next();
    };
    for (const byte of [0x10, 0xff, 0xff, 0xff]) push(byte);
    expect(() => push(0x7f)).toThrow(
      expect.objectContaining({
        name: "MessageTooLarge",
        message: expect.stringContaining("268435460"),
      }),
    );
  });

  it("refuses a length of five bytes", () => {
    for (const chunks of [
      [[0x30, 0x80, 0x80, 0x80, 0x80, 0x01]],
      [[0x30], [0x80, 0x80, 0x80, 0x80]],
    ]) {
      const guard = new FrameGuard(limit);
      expect(() => {
        for (const chunk of chunks) {
          guard.push(Buffer.from(chunk));
          guard.next();
        }
      }).toThrow(expect.objectContaining({ name: "IotHubFormatError" }));
    }
  });

  it("holds little for a large length of which little has come", () => {
    const guards = Array.from({ length: 200 }, () => {
      const guard = new FrameGuard(limit);
      guard.push(frame(0x30, Buffer.alloc(300_000)).subarray(0, 20));
      guard.next();
      return guard;
    });
    expect(guards.every((guard) => guard.heldBytes === 20)).toBe(true);
  });

  it("takes time in proportion to the bytes when every chunk holds one", () => {
    const timeOf = (size: number): number => {
      const stream = frame(0x30, Buffer.alloc(size));
      return leastCpuTime(() => {
        const guard = new FrameGuard(limit);
        for (let at = 0; at < stream.length; at++) {
          guard.push(stream.subarray(at, at + 1));
          if (at < stream.length - 1) guard.next();
        }
        expect(guard.next()).toHaveLength(stream.length);
      });
    };
    timeOf(30_000);
    const small = timeOf(30_000);
    const large = timeOf(300_000);
    // Ten times the bytes: a quadratic guard would take a hundred times as long.
    expect(large).toBeLessThan(40 * Math.max(small, 1));
  });
});
