import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PacketIds } from "./packet-ids.ts";

describe("packet ids of the hub", () => {
  it("begin at 1 and again after 65535", () => {
    const ids = new PacketIds(() => false);
    const all = Array.from({ length: 65_537 }, () => ids.next());
    expect([all[0], all[65_534], all[65_535], all[65_536]]).toEqual([1, 65_535, 1, 2]);
  });

  it("are never those in use", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 200 }), (kept) => {
        const used = new Set<number>([1, 2, 65_535]);
        const ids = new PacketIds((id) => used.has(id));
        for (const keep of kept) {
          const id = ids.next();
          expect(used.has(id)).toBe(false);
          expect(id).toBeGreaterThan(0);
          if (keep) used.add(id);
        }
      }),
    );
  });
});
