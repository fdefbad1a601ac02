import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { metadataTexts } from "./metadata-text.ts";
import { metadataView } from "./metadata.ts";
import type { Metadata } from "./twin.ts";

const time = Date.UTC(2026, 10, 23, 9, 0, 0, 5);

function viewed(desired: Metadata, reported: Metadata) {
  const texts = metadataTexts(JSON.stringify({ desired, reported }));
  return { desired: JSON.parse(texts.desired), reported: JSON.parse(texts.reported) };
}

/** Not `\\` alone: behind an object with that name JSON.parse of V8 13.6 (Node 24.21) takes the name `"` of another for it. */
const names = fc
  .oneof(
    fc.string(),
    fc.constantFrom("t", "v", "k", "$lastUpdated", "__proto__", '"', '\\"', "}", '{"t":1}', "1"),
  )
  .filter((name) => name !== "\\");
const { metadata } = fc.letrec<{ metadata: Metadata }>((tie) => ({
  metadata: fc.record(
    {
      t: fc.integer({ min: -62_135_596_800_000, max: 8.64e15 }),
      v: fc.nat(),
      k: fc.dictionary(names, tie("metadata"), { maxKeys: 4, minKeys: 1, depthIdentifier: "k" }),
    },
    { requiredKeys: ["t"] },
  ),
}));

describe("The texts of metadata", () => {
  it("print times and versions, members behind their object's own", () => {
    const desired = { t: time, v: 3, k: { a: { t: time, v: 2 } } };
    expect(metadataTexts(JSON.stringify({ desired, reported: { t: time } }))).toEqual({
      desired:
        '{"$lastUpdated":"2026-11-23T09:00:00.0050000Z","$lastUpdatedVersion":3,"a":{"$lastUpdated":"2026-11-23T09:00:00.0050000Z","$lastUpdatedVersion":2}}',
      reported: '{"$lastUpdated":"2026-11-23T09:00:00.0050000Z"}',
    });
  });

  it("say what the view says, whatever the names and times", () => {
    fc.assert(
      fc.property(metadata, metadata, (desired, reported) => {
        expect(viewed(desired, reported)).toEqual({
          desired: JSON.parse(JSON.stringify(metadataView(desired))),
          reported: JSON.parse(JSON.stringify(metadataView(reported))),
        });
      }),
    );
  });

  it.each([
    '{"desired":{"k":{"a":{"t":1}},"t":2},"reported":{"t":3}}',
    '{"reported":{"t":3},"desired":{"k":{"a":{"t":1}},"t":2}}',
    '{ "desired": {"t":2,"k":{"a":{"t":1}}},"reported":{"t":3}}',
  ])("are read the long way where members stand otherwise: %s", (text) => {
    const { desired, reported } = metadataTexts(text);
    expect(JSON.parse(desired)).toEqual({
      $lastUpdated: "1970-01-01T00:00:00.0020000Z",
      a: { $lastUpdated: "1970-01-01T00:00:00.0010000Z" },
    });
    expect(JSON.parse(reported)).toEqual({ $lastUpdated: "1970-01-01T00:00:00.0030000Z" });
  });

  it.each(["", "{}", "null", '{"desired":{"t":1}', '{"desired":{"t":1,"k":{"a'])(
    "refuse what is damaged: %j",
    (text) => {
      expect(() => metadataTexts(text)).toThrow();
    },
  );
});
