import { describe, expect, it } from "vitest";
import { ratesOf } from "./rates.ts";

describe("rates", () => {
  it("are differences of counters per second", () => {
    expect(
      ratesOf([
        { time: 10, messages: 100, changes: 5 },
        { time: 12, messages: 300, changes: 5 },
        { time: 13, messages: 301, changes: 8 },
      ]),
    ).toEqual({ times: [12, 13], messages: [100, 1], changes: [0, 3] });
  });

  it("have a gap where the hub was started anew or did not tell", () => {
    expect(
      ratesOf([
        { time: 10, messages: 100, changes: null },
        { time: 12, messages: 4, changes: 1 },
      ]),
    ).toEqual({ times: [12], messages: [null], changes: [null] });
  });

  it("need two readings", () => {
    expect(ratesOf([{ time: 1, messages: 1, changes: 1 }]).times).toEqual([]);
  });
});
