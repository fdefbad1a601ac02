import { describe, expect, it } from "vitest";
import { sizeText } from "./size.ts";

describe("a size", () => {
  it.each([
    [0, "0 bytes"],
    [1, "1 byte"],
    [1023, "1,023 bytes"],
    [1024, "1 KiB"],
    [1536, "1.5 KiB"],
    [5 * 2 ** 30, "5 GiB"],
    [3 * 2 ** 50, "3072 TiB"],
  ])("of %d bytes is told as %s", (bytes, text) => {
    expect(sizeText(bytes)).toBe(text);
  });
});
