import type {
  IdentityCreated,
  IdentityDeleted,
  SectionChange,
  TwinChanged,
} from "../events/hub-event.ts";
import { twinEtag } from "../identity/etag.ts";
import type { IdentityKey } from "../identity/key.ts";
import type { JsonObject } from "../json.ts";
import { never } from "../time.ts";
import { type Stamp, freshMetadata } from "./metadata.ts";
import { orAbsent, present, sectionView, sectionsView } from "./section-view.ts";
import { type Twin, newTwin } from "./twin.ts";

/**
 * The body of a twin change notification: for an update the sections that it wrote, removed keys as `null`, with the
 * metadata of the keys it named; for a replacement the whole twin (spec/semantics §5.1).
 */
export function twinChangedBody(event: TwinChanged): JsonObject {
  return event.opType === "replaceTwin" && event.twin !== undefined
    ? wholeTwin(event.key, event.twin)
    : writtenSections(event);
}

/** `twinChangedBody` as JSON text. */
export function twinChangedText(event: TwinChanged): string {
  return JSON.stringify(twinChangedBody(event));
}

/**
 * The body of a lifecycle notification: the identity with the twin that every new identity has, whose times say
 * "never" (spec/semantics §5.2).
 */
export function lifecycleBody(event: IdentityCreated | IdentityDeleted): JsonObject {
  return wholeTwin(event.key, newTwin(never));
}

/** `lifecycleBody` as JSON text. */
export function lifecycleText(event: IdentityCreated | IdentityDeleted): string {
  return JSON.stringify(lifecycleBody(event));
}

function wholeTwin(key: IdentityKey, twin: Twin): JsonObject {
  return present({
    deviceId: key.deviceId,
    moduleId: key.moduleId,
    etag: twinEtag(twin.etagCounter),
    version: twin.version,
    tags: orAbsent(twin.tags),
    properties: sectionsView(twin),
  });
}

function writtenSections({ at, version, tags, desired, reported }: TwinChanged): JsonObject {
  const properties = present({
    desired: desired && changeView(desired, { t: at, v: desired.version }),
    reported: reported && changeView(reported, { t: at }),
  });
  return present({ version, tags, properties: orAbsent(properties) });
}

function changeView({ change, version }: SectionChange, stamp: Stamp): JsonObject {
  return sectionView({ value: change, metadata: freshMetadata(change, stamp), version });
}
