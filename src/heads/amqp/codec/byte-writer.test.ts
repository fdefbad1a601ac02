import * as fc from "fast-check";
import { expect, it } from "vitest";
import { rhea } from "../rhea/library.ts";
import type { RheaTyped } from "../rhea/types.ts";
import { ByteWriter, textBytes } from "./byte-writer.ts";

const { types } = rhea;
const seed = 20_261_123;

function written(write: (writer: ByteWriter) => void, capacity: number): string {
  const writer = new ByteWriter(Buffer.alloc(capacity));
  write(writer);
  return writer.bytes.toString("hex", 0, writer.at);
}

function byLibrary(value: RheaTyped): string {
  const writer = new types.Writer();
  writer.write(value);
  return writer.toBuffer().toString("hex");
}

/** As UTF-8 can hold it. */
const texts = fc
  .oneof(
    fc.string({ maxLength: 100 }),
    fc.string({ unit: "binary", maxLength: 300 }),
    fc.constantFrom("", "a".repeat(48), "é".repeat(48), `${"a".repeat(47)}é`, "a".repeat(256)),
  )
  .map((text) => Buffer.from(text).toString());

it("a text has the bytes that the library writes, in no more than are said", () => {
  fc.assert(
    fc.property(texts, (text) => {
      const bytes = textBytes(text);
      expect(written((writer) => writer.string(text), bytes)).toBe(
        byLibrary(types.wrap_string(text)),
      );
      const ascii = text.replaceAll(/[^\0-\x7f]/g, "?");
      expect(written((writer) => writer.symbol(ascii), bytes)).toBe(
        byLibrary(types.wrap_symbol(ascii)),
      );
    }),
    { seed, numRuns: 500 },
  );
});

it("whole numbers and times have the bytes that the library writes", () => {
  const numbers = fc.oneof(
    fc.maxSafeInteger(),
    fc.integer({ min: -300, max: 300 }),
    fc.constantFrom(2 ** 31, 2 ** 32 - 1, 2 ** 32, -(2 ** 31), -(2 ** 32), -(2 ** 32) - 1),
  );
  fc.assert(
    fc.property(numbers, (number) => {
      expect(written((writer) => writer.long(number), 9)).toBe(byLibrary(types.wrap_long(number)));
      expect(written((writer) => writer.timestamp(number), 9)).toBe(
        byLibrary(types.wrap_timestamp(number)),
      );
    }),
    { seed, numRuns: 500 },
  );
});
