import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MovableClock } from "../../testing/movable-clock.ts";
import { Doors, type Visitor } from "./doors.ts";
import { defaultStrangerLimits } from "./limits.ts";
import { sourceOf } from "./source.ts";

function doors(limits: Partial<typeof defaultStrangerLimits>) {
  const clock = new MovableClock();
  const made = new Doors(clock, { ...defaultStrangerLimits, ...limits });
  const dropped: string[] = [];
  const enter = (address: string): Visitor | undefined =>
    made.enter(address, () => dropped.push(address));
  return { clock, made, enter, dropped };
}

describe("the doors of the hub", () => {
  it("have room for so many strangers of one address, and for those of others besides", () => {
    const { enter } = doors({ strangersPerAddress: 2 });
    expect([enter("192.0.2.1:1"), enter("192.0.2.1:2")]).not.toContain(undefined);
    expect(enter("192.0.2.1:3")).toBeUndefined();
    expect(enter("192.0.2.2:1")).toBeDefined();
  });

  it("do not count whoever has proven itself among the strangers", () => {
    const { made, enter } = doors({ strangers: 2 });
    enter("192.0.2.1:1")?.authenticated();
    enter("192.0.2.1:2")?.authenticated();
    expect([made.connections, made.strangers]).toEqual([2, 0]);
    expect([enter("192.0.2.1:3"), enter("192.0.2.1:4")]).not.toContain(undefined);
    expect(enter("192.0.2.1:5")).toBeUndefined();
  });

  it("have room for so many connections of one address, and in all, whoever they are", () => {
    const { enter } = doors({ connectionsPerAddress: 2, connections: 3 });
    enter("192.0.2.1:1")?.authenticated();
    enter("192.0.2.1:2")?.authenticated();
    expect(enter("192.0.2.1:3")).toBeUndefined();
    expect(enter("192.0.2.2:1")).toBeDefined();
    expect(enter("192.0.2.3:1")).toBeUndefined();
  });

  it("let a newcomer in for a stranger who has waited longer than is usual, and for nobody else", () => {
    const { clock, enter, dropped } = doors({ strangers: 2, patience: 5_000 });
    enter("192.0.2.1:1");
    enter("192.0.2.2:1");
    clock.advance(4_000);
    expect(enter("192.0.2.3:1")).toBeUndefined();
    expect(dropped).toEqual([]);
    clock.advance(1_001);
    expect(enter("192.0.2.3:1")).toBeDefined();
    expect(dropped).toEqual(["192.0.2.1:1"]);
  });

  it("count right whatever happens in whatever order", () => {
    const step = fc.record({
      who: fc.integer({ min: 0, max: 9 }),
      what: fc.constantFrom("enter", "authenticated", "left"),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { made, enter } = doors({ strangersPerAddress: 3, connectionsPerAddress: 5 });
        const inside: Visitor[] = [];
        for (const { who, what } of steps) {
          const visitor = inside[who];
          if (what === "enter") inside.push(...[enter(`192.0.2.${who % 3}:1`) ?? []].flat());
          else visitor?.[what]();
          expect(made.strangers).toBeLessThanOrEqual(Math.min(9, made.connections));
          expect(made.connections).toBeLessThanOrEqual(15);
        }
        for (const visitor of inside) visitor.left();
        expect([made.connections, made.strangers]).toEqual([0, 0]);
      }),
    );
  });
});

describe("a source", () => {
  it.each([
    ["192.0.2.1:5000", "192.0.2.1"],
    ["::ffff:192.0.2.1:5000", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6:5000", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::7:5000", "2001:db8:1:2::/64"],
    ["::1:443", "0:0:0:0::/64"],
    ["[2001:db8::1]:443", "2001:db8:0:0::/64"],
    ["fe80::1%eth0:443", "fe80:0:0:0::/64"],
    ["?:0", "?"],
  ])("of %s is %s", (address, source) => {
    expect(sourceOf(address)).toBe(source);
  });
});
