import { describe, expect, it } from "vitest";
import { faultTypes, maxFaultTime, readFault } from "./fault.ts";

function properties(entries: Readonly<Record<string, string | null>>): Map<string, string | null> {
  return new Map(
    Object.entries(entries).map(([name, value]) => [`AzIoTHub_FaultOperation${name}`, value]),
  );
}

describe("a message that asks for a fault", () => {
  it.each(faultTypes)("may ask for %s", (type) => {
    const asked = properties({
      Type: type,
      CloseReason: " severs the TCP connection ",
      DelayInSecs: "2",
      DurationInSecs: "5",
    });
    expect(readFault(asked)).toEqual({
      type,
      reason: " severs the TCP connection ",
      delay: 2_000,
      duration: 5_000,
    });
  });

  it("gets it at once and without duration if it names no times, or none that are whole seconds", () => {
    const now = { type: "KillTcp", reason: "", delay: 0, duration: 0 };
    expect(readFault(properties({ Type: "KillTcp" }))).toEqual(now);
    for (const time of ["boom", "-1", "1.5", "", " 2", "1e3", null]) {
      const asked = properties({ Type: "KillTcp", DelayInSecs: time, DurationInSecs: time });
      expect(readFault(asked)).toEqual(now);
    }
  });

  it("waits and lasts an hour at the most", () => {
    const asked = properties({
      Type: "KillTcp",
      DelayInSecs: "3601",
      DurationInSecs: "9".repeat(400),
    });
    expect(readFault(asked)).toMatchObject({ delay: maxFaultTime, duration: maxFaultTime });
  });
});

describe("a message without a fault", () => {
  it.each<[string, Readonly<Record<string, string | null>>]>([
    ["no type", { DelayInSecs: "2" }],
    ["an unknown type", { Type: "Explode" }],
    ["a type in another case", { Type: "killtcp" }],
    ["a type without a value", { Type: null }],
    ["the name of an object's own method", { Type: "toString" }],
  ])("has %s", (_, entries) => {
    expect(readFault(properties(entries))).toBeNull();
  });
});
