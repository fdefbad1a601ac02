import type { TwinDocument, TwinPatch } from "../../api/twins.ts";
import { type JsonObject, pretty, withoutSystem } from "../../lib/json.ts";
import { diff } from "../../lib/merge-patch.ts";
import { checkText } from "../../lib/twin-rules.ts";

/** What a person writes of a twin. */
export interface Written {
  readonly desired: JsonObject;
  readonly tags: JsonObject;
}

/** The texts in the editors, and the twin that they began with. */
export interface Draft {
  readonly base: Written & { readonly etag: string };
  readonly desired: string;
  readonly tags: string;
}

/** What saving the draft would do. */
export type DraftChange =
  | { readonly kind: "none" }
  | { readonly kind: "invalid"; readonly problem: string }
  | { readonly kind: "patch"; readonly patch: TwinPatch; readonly written: Written };

export function draftOf(twin: TwinDocument): Draft {
  const { desired, tags } = writtenOf(twin);
  return withWritten(twin, { desired, tags });
}

/** A draft on top of `twin` whose editors show `written`. */
export function withWritten(twin: TwinDocument, written: Written): Draft {
  return {
    base: { ...writtenOf(twin), etag: twin.etag },
    desired: textOf(written.desired),
    tags: textOf(written.tags),
  };
}

export function writtenOf(twin: TwinDocument): Written {
  return { desired: withoutSystem(twin.properties.desired), tags: twin.tags ?? {} };
}

export function textOf(section: JsonObject): string {
  return pretty(section);
}

/** Someone has written desired properties or tags since the draft began: reports leave the etag alone. */
export function hasMoved({ base }: Draft, twin: TwinDocument): boolean {
  return base.etag !== twin.etag;
}

/** The effective patch: only what differs from the base. */
export function patchOf({ base, desired, tags }: Draft): DraftChange {
  if (desired === textOf(base.desired) && tags === textOf(base.tags)) return { kind: "none" };
  const checkedDesired = checkText("Properties.Desired", desired);
  if (!checkedDesired.ok) return { kind: "invalid", problem: checkedDesired.problem };
  const checkedTags = checkText("Tags", tags);
  if (!checkedTags.ok) return { kind: "invalid", problem: checkedTags.problem };
  const written = { desired: checkedDesired.value, tags: checkedTags.value };
  const [desiredPatch, tagsPatch] = [
    diff(base.desired, written.desired),
    diff(base.tags, written.tags),
  ];
  const changesDesired = Object.keys(desiredPatch).length > 0;
  const changesTags = Object.keys(tagsPatch).length > 0;
  if (!changesDesired && !changesTags) return { kind: "none" };
  return {
    kind: "patch",
    written,
    patch: {
      ...(changesTags ? { tags: tagsPatch } : {}),
      ...(changesDesired ? { properties: { desired: desiredPatch } } : {}),
    },
  };
}
