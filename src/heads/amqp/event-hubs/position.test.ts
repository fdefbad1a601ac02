import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { startPosition } from "./position.ts";

const at = (filter: unknown) =>
  startPosition(new Map([["apache.org:selector-filter:string", filter as string]]));

describe("where a reader begins", () => {
  it("is the first event without a selector, or with other filters only", () => {
    expect(startPosition(new Map())).toEqual({ kind: "sequence", from: 1 });
    expect(startPosition(new Map([["other", "x"]]))).toEqual({ kind: "sequence", from: 1 });
  });

  it.each(["jms-selector", "selector"])("is read from a filter that libraries call %s", (name) => {
    const filter = "amqp.annotation.x-opt-offset > '4'";
    expect(startPosition(new Map([[name, filter]]))).toEqual({ kind: "sequence", from: 6 });
  });

  it.each(["amqp.annotation.x-opt-offset > '-1'", "amqp.annotation.x-opt-offset > -1"])(
    "is the first event for %s",
    (text) => expect(at(text)).toEqual({ kind: "sequence", from: 1 }),
  );

  it.each([
    "amqp.annotation.x-opt-offset > '@latest'",
    "amqp.annotation.x-opt-offset >= '@latest'",
    "AMQP.Annotation.x-opt-offset>@LATEST",
  ])("is the end for %s", (text) => expect(at(text)).toEqual({ kind: "latest" }));

  it("is after a number that Event Hubs counts from 0, or at it", () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom("x-opt-offset", "x-opt-sequence-number"), (n, name) => {
        expect(at(`amqp.annotation.${name} > '${n}'`)).toEqual({ kind: "sequence", from: n + 2 });
        expect(at(`amqp.annotation.${name} >= ${n}`)).toEqual({ kind: "sequence", from: n + 1 });
      }),
    );
  });

  it.each(["x-opt-enqueued-time", "x-opt-enqueuedtimeutc"])("is a time in %s", (name) => {
    expect(at(`amqp.annotation.${name} > '1000'`)).toEqual({ kind: "time", time: 1001 });
    expect(at(`amqp.annotation.${name} >= 1000`)).toEqual({ kind: "time", time: 1000 });
  });

  it.each([
    "",
    "x",
    "amqp.annotation.x-opt-offset < '1'",
    "amqp.annotation.x-opt-offset > 'one'",
    "amqp.annotation.x-opt-offset > '1",
    "amqp.annotation.x-opt-offset > '1' OR 1=1",
    "amqp.annotation.other > '1'",
    "amqp.annotation.x-opt-sequence-number > '@latest'",
    7,
  ])("is refused for %s", (text) => {
    expect(() => at(text)).toThrow(expect.objectContaining({ name: "ArgumentInvalid" }));
  });
});
