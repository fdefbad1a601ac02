import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Device, Module } from "../identity/identity.ts";
import type { JsonObject } from "../json.ts";
import { never } from "../time.ts";
import { applyServicePatch } from "./apply-desired.ts";
import { metadataText } from "./metadata-text.ts";
import { freshMetadata, metadataView } from "./metadata.ts";
import { type Section, type Twin, type TwinPatch, newTwin } from "./twin.ts";
import { type TwinParts, serviceTwinText, serviceView } from "./view.ts";

const time = Date.UTC(2026, 10, 23, 9, 0, 0, 5);
const authentication = { type: "sas", primaryKey: "a", secondaryKey: "b" } as const;
const device: Device = {
  deviceId: "d1",
  generationId: "1",
  etagNumber: 7,
  authentication,
  status: "enabled",
  statusReason: "in use",
  statusUpdatedTime: never,
  iotEdge: true,
  deviceScope: "scope",
  parentScopes: ["scope"],
};
const module: Module = {
  deviceId: "d1",
  moduleId: "m1",
  generationId: "2",
  etagNumber: 8,
  authentication,
  managedBy: null,
};

const names = fc
  .oneof(fc.string({ unit: "binary" }), fc.constantFrom("__proto__", "0", '"', "\\", "toJSON"))
  .filter((name) => !name.startsWith("$"));
const objects = fc
  .dictionary(names, fc.jsonValue(), { maxKeys: 4 })
  .map((value) => value as JsonObject);
const times = fc.integer({ min: never, max: 8.64e15 });
const versions = fc.integer({ min: 1, max: 2 ** 40 });

const sections: fc.Arbitrary<Section> = fc
  .record({
    value: objects,
    t: times,
    v: fc.option(versions, { nil: undefined }),
    version: versions,
  })
  .map(({ value, t, v, version }) => ({
    value,
    metadata: freshMetadata(value, { t, v }),
    version,
  }));

const twins: fc.Arbitrary<Twin> = fc.record({
  tags: objects,
  desired: sections,
  reported: sections,
  etagCounter: versions,
  version: versions,
  modelId: fc.string(),
  configurations: fc.dictionary(fc.string(), fc.constant({ status: "Applied" } as const), {
    maxKeys: 2,
  }),
});

function sameAsView(parts: TwinParts): void {
  expect(JSON.parse(serviceTwinText(parts))).toEqual(
    JSON.parse(JSON.stringify(serviceView(parts))),
  );
}

describe("The text of a twin as services see it", () => {
  it.each([
    ["device", device],
    ["module", module],
  ])("says what the view of a %s says, whatever the twin holds", (_kind, identity) => {
    fc.assert(
      fc.property(twins, fc.nat(), (twin, queued) => {
        const presence = { connected: true, stateUpdatedTime: time, lastActivityTime: time };
        for (const seen of [presence, undefined])
          sameAsView({ identity, device, twin, presence: seen, queued });
      }),
    );
  });

  it.each([
    ["device", device],
    ["module", module],
  ])("follows each write of a %s's sections", (_kind, identity) => {
    const parts = { identity, device, presence: undefined, queued: 0 };
    let twin = newTwin(time);
    sameAsView({ ...parts, twin });
    const patches: readonly TwinPatch[] = [
      { tags: { a: 1 } },
      { desired: { a: { b: 1 } } },
      { desired: { a: { c: "x" } }, tags: { a: null } },
      { desired: { a: null } },
    ];
    for (const patch of patches) {
      twin = applyServicePatch(twin, patch, time + twin.version).twin;
      sameAsView({ ...parts, twin });
    }
    expect(serviceTwinText({ ...parts, twin })).toContain('"version":6');
  });

  it("stands as the view does where no name is a number", () => {
    const { twin } = applyServicePatch(
      newTwin(time),
      { tags: { site: "north" }, desired: { interval: { value: 5, unit: "s" } } },
      time,
    );
    for (const identity of [device, module]) {
      const parts = { identity, device, twin, presence: undefined, queued: 0 };
      expect(serviceTwinText(parts)).toBe(JSON.stringify(serviceView(parts)));
    }
  });
});

describe("The text of metadata", () => {
  it("says what its view says", () => {
    fc.assert(
      fc.property(sections, ({ metadata }) => {
        expect(JSON.parse(metadataText(metadata))).toEqual(
          JSON.parse(JSON.stringify(metadataView(metadata))),
        );
      }),
    );
  });
});
