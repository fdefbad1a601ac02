import { describe, expect, it } from "vitest";
import type { TwinChanged } from "../events/hub-event.ts";
import type { IdentityKey } from "../identity/key.ts";
import { applyReported } from "./apply-reported.ts";
import { applyServicePatch } from "./apply-desired.ts";
import { lifecycleText } from "./event-view.ts";
import { replaceTwin } from "./replace.ts";
import { newTwin } from "./twin.ts";
import { twinChangedBody, twinChangedText } from "./view.ts";
import type { TwinWrite } from "./write.ts";

const at = Date.UTC(2024, 4, 1, 10, 0, 0, 5);
const printed = "2024-05-01T10:00:00.0050000Z";

describe.each<{ of: string; key: IdentityKey; ids: string }>([
  { of: "a device", key: { deviceId: "d1" }, ids: '"deviceId":"d1"' },
  {
    of: "a module",
    key: { deviceId: "d1", moduleId: "m1" },
    ids: '"deviceId":"d1","moduleId":"m1"',
  },
])("events of $of", ({ key, ids }) => {
  function eventOf({ changes }: TwinWrite): TwinChanged {
    if (changes === null) throw new Error("nothing was written");
    return { type: "twinChanged", key, at, ...changes };
  }

  it("N13: show desired properties that were written, with their metadata and version", () => {
    const before = applyServicePatch(newTwin(0), { desired: { old: 1, kept: 1 } }, 0).twin;
    const patch = { tags: { k: "v" }, desired: { p: "new", old: null } };
    const both = `"$lastUpdated":"${printed}","$lastUpdatedVersion":3`;
    const text = twinChangedText(eventOf(applyServicePatch(before, patch, at)));
    expect(text).toBe(
      '{"version":4,"tags":{"k":"v"},"properties":{"desired":{"p":"new","old":null,' +
        `"$metadata":{${both},"p":{${both}}},"$version":3}}}`,
    );
  });

  it("leave properties out when only tags were written", () => {
    const event = eventOf(applyServicePatch(newTwin(0), { tags: { t: 1 } }, at));
    expect(twinChangedText(event)).toBe('{"version":3,"tags":{"t":1}}');
  });

  it("N14, N15: show a report with removed keys as null, and an unchanged one too", () => {
    const before = applyReported(newTwin(0), { r: 1, s: 1 }, 0).twin;
    expect(twinChangedBody(eventOf(applyReported(before, { r: null, s: 1 }, at)))).toEqual({
      version: 4,
      properties: {
        reported: {
          r: null,
          s: 1,
          $metadata: { $lastUpdated: printed, s: { $lastUpdated: printed } },
          $version: 3,
        },
      },
    });
  });

  it("N16: show the whole twin with its etag after a replacement", () => {
    const before = applyReported(newTwin(at), { r: 1 }, at).twin;
    const event = eventOf(replaceTwin(before, { desired: { a: 1 } }, at));
    expect(event.opType).toBe("replaceTwin");
    const stamp = `"$lastUpdated":"${printed}"`;
    const both = `${stamp},"$lastUpdatedVersion":2`;
    expect(twinChangedText(event)).toBe(
      `{${ids},"etag":"AAAAAAAAAAI=","version":4,"properties":{` +
        `"desired":{"a":1,"$metadata":{${both},"a":{${both}}},"$version":2},` +
        `"reported":{"r":1,"$metadata":{${stamp},"r":{${stamp}}},"$version":2}}}`,
    );
  });

  it.each(["identityCreated", "identityDeleted"] as const)(
    "N17: show %s with a new twin",
    (type) => {
      const section = '{"$metadata":{"$lastUpdated":"0001-01-01T00:00:00Z"},"$version":1}';
      expect(lifecycleText({ type, key, at, generationId: "1" })).toBe(
        `{${ids},"etag":"AAAAAAAAAAE=","version":2,` +
          `"properties":{"desired":${section},"reported":${section}}}`,
      );
    },
  );
});
