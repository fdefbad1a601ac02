import { describe, expect, it } from "vitest";
import { checkText, sizeLimit } from "./twin-rules.ts";

function problem(text: string): string {
  const checked = checkText("Properties.Desired", text);
  return checked.ok ? "" : checked.problem;
}

describe("what is written into a section", () => {
  it("has a size by IoT Hub's formula", () => {
    expect(checkText("Tags", '{"site":"berlin","level":2}')).toEqual({
      ok: true,
      value: { site: "berlin", level: 2 },
      size: 23,
    });
  });

  it.each([
    ["{", "valid JSON"],
    ["[]", "an array"],
    ['{"a.b":1}', "cannot contain '.'"],
    ['{"a":[null]}', "array cannot contain null"],
    ['{"n":4503599627370497}', "An integer should be between"],
    [`{"a":"${"x".repeat(4097)}"}`, "maximum 4096 bytes"],
    [`{"${"k".repeat(1025)}":1}`, "maximum 1024 bytes"],
  ])("is refused as the hub would: %.40s", (text, message) => {
    expect(problem(text)).toContain(message);
  });

  it("is refused when the section grows to its limit", () => {
    const members = Array.from({ length: 9 }, (_, index) => `"k${index}":"${"x".repeat(4000)}"`);
    expect(problem(`{${members.join(",")}}`)).toContain(String(sizeLimit("Properties.Desired")));
  });
});
