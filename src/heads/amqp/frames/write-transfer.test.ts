import * as fc from "fast-check";
import { expect, it } from "vitest";
import { rhea } from "../rhea/library.ts";
import { endFrame } from "./frame-start.ts";
import { beginTransfer, tagBytes, transferRoom } from "./write-transfer.ts";

const { frames } = rhea;
const seed = 20_261_123;

it("a transfer that is settled has the bytes that the library writes", () => {
  const uint = fc.oneof(fc.constantFrom(0, 1, 255, 256, 0xffff_ffff), fc.nat({ max: 0xffff_ffff }));
  const channels = fc.nat({ max: 65_535 });
  const messages = fc.uint8Array({ maxLength: 600 }).map((array) => Buffer.from(array));
  fc.assert(
    fc.property(
      channels,
      uint,
      uint,
      uint,
      messages,
      fc.nat({ max: 100 }),
      (channel, handle, deliveryId, tag, payload, start) => {
        const delivery_tag = Buffer.alloc(tagBytes);
        delivery_tag.writeUInt32BE(tag, tagBytes - 4);
        const performative = frames.transfer({
          handle,
          delivery_id: deliveryId,
          delivery_tag,
          message_format: 0,
          settled: true,
          more: false,
        });
        const expected = frames.write_frame({ channel, type: 0, performative, payload });
        const bytes = Buffer.alloc(start + transferRoom + payload.length, 0xff);
        const at = beginTransfer(bytes, start, { channel, handle, deliveryId, tag });
        const end = at + payload.copy(bytes, at);
        endFrame(bytes, start, end);
        const written = bytes.subarray(start, end);
        expect(written.toString("hex")).toBe(expected.toString("hex"));
      },
    ),
    { seed, numRuns: 300 },
  );
});
