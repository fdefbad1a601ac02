import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HubError } from "../errors.ts";
import { readContinuation, writeContinuation } from "./continuation.ts";
import { maxContinuationLength } from "./limits.ts";

const text = "SELECT * FROM devices.modules";

function refusal(token: string, query = text): HubError {
  try {
    readContinuation(query, token);
  } catch (error) {
    if (error instanceof HubError) return error;
    throw error;
  }
  throw new Error(`${token} was accepted`);
}

describe("a continuation token", () => {
  it("leads back to its position: of devices, modules, jobs and sorted answers", () => {
    const position = fc.record({
      after: fc.array(fc.string({ unit: "binary", maxLength: 128 }).filter(isWellFormed), {
        maxLength: 2,
      }),
      delivered: fc.nat(),
    });
    fc.assert(
      fc.property(fc.string(), position, (query, each) => {
        const token = writeContinuation(query, each);
        expect(readContinuation(query, token)).toEqual(each);
        expect(token).toMatch(/^[\w-]+$/);
        expect(token.length).toBeLessThan(maxContinuationLength);
      }),
    );
  });

  it("is refused for another query, even one that differs in a space", () => {
    const token = writeContinuation(text, { after: ["d1", "m1"], delivered: 2 });
    expect(refusal(token, `${text} `)).toMatchObject({ name: "ArgumentInvalid" });
    expect(refusal(token, `${text} `).message).toContain("another query");
  });

  it.each([
    "",
    "*",
    "AAAA",
    "x".repeat(maxContinuationLength + 1),
    encoded({}),
    encoded([1]),
    encoded([2, "h", 0]),
    encoded([1, 5, 0]),
    encoded(null),
  ])("is refused when it is %.30j", (token) => {
    expect(refusal(token)).toMatchObject({ name: "ArgumentInvalid", status: 400 });
  });

  it.each([
    ["a negative count", (parts: unknown[]) => parts.with(2, -1)],
    ["a fractional count", (parts: unknown[]) => parts.with(2, 0.5)],
    ["a key that is no text", (parts: unknown[]) => parts.with(3, 7)],
    ["too long a key", (parts: unknown[]) => [...parts, "x"]],
  ])("is refused with %s", (_what, change) => {
    const token = writeContinuation(text, { after: ["d1", "m1"], delivered: 2 });
    const parts = JSON.parse(Buffer.from(token, "base64url").toString()) as unknown[];
    expect(refusal(encoded(change(parts)))).toMatchObject({ name: "ArgumentInvalid" });
  });

  it("is refused or read, but never anything else, after any change", () => {
    const token = writeContinuation(text, { after: ["d1", "m1"], delivered: 2 });
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.string({ maxLength: 3 }), (at, piece) => {
        const changed = token.slice(0, at) + piece + token.slice(at + 1);
        try {
          readContinuation(text, changed);
        } catch (error) {
          expect(error).toBeInstanceOf(HubError);
        }
      }),
    );
  });
});

function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function isWellFormed(value: string): boolean {
  return !/\p{Cs}/u.test(value);
}
