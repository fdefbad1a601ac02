import * as fc from "fast-check";
import { expect, it } from "vitest";
import { writeOutcome } from "../outcomes.ts";
import { rhea } from "../rhea/library.ts";
import { writeAccepted } from "./write-accepted.ts";

const { frames } = rhea;
const seed = 20_261_123;

it("an acceptance has the bytes that the library writes", () => {
  const uint = fc.oneof(fc.constantFrom(0, 1, 255, 256, 0xffff_ffff), fc.nat({ max: 0xffff_ffff }));
  fc.assert(
    fc.property(fc.nat({ max: 65_535 }), uint, uint, (channel, first, last) => {
      const state = writeOutcome({ kind: "accepted" });
      const performative = frames.disposition({ role: true, first, last, state, settled: true });
      const expected = frames.write_frame({ channel, type: 0, performative });
      expect(writeAccepted(channel, first, last).toString("hex")).toBe(expected.toString("hex"));
    }),
    { seed, numRuns: 300 },
  );
});
