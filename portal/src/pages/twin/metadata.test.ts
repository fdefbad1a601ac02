import { describe, expect, it } from "vitest";
import { stampsOf } from "./metadata.ts";

describe("the times of a section", () => {
  it("are listed by leaf, newest first", () => {
    const section = {
      climate: { min: 20, max: 24 },
      interval: 60,
      $version: 3,
      $metadata: {
        $lastUpdated: "2026-05-01T10:00:03Z",
        $lastUpdatedVersion: 3,
        climate: {
          $lastUpdated: "2026-05-01T10:00:03Z",
          $lastUpdatedVersion: 3,
          min: { $lastUpdated: "2026-05-01T10:00:01Z", $lastUpdatedVersion: 2 },
          max: { $lastUpdated: "2026-05-01T10:00:03Z", $lastUpdatedVersion: 3 },
        },
        interval: { $lastUpdated: "2026-05-01T10:00:01Z", $lastUpdatedVersion: 2 },
      },
    };
    expect(stampsOf(section)).toEqual([
      { path: "climate.max", value: 24, lastUpdated: "2026-05-01T10:00:03Z", version: 3 },
      { path: "climate.min", value: 20, lastUpdated: "2026-05-01T10:00:01Z", version: 2 },
      { path: "interval", value: 60, lastUpdated: "2026-05-01T10:00:01Z", version: 2 },
    ]);
  });

  it("are none for an empty section", () => {
    expect(stampsOf({ $version: 1, $metadata: { $lastUpdated: "2026-05-01T10:00:03Z" } })).toEqual(
      [],
    );
  });
});
