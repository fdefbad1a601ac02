import type { SectionChange, TwinChanged } from "../events/hub-event.ts";
import type { JsonObject } from "../json.ts";
import type { Section, Twin } from "./twin.ts";

/** What a write of a twin tells the world; the caller adds type, key and time. */
export type TwinChanges = Omit<TwinChanged, "type" | "key" | "at">;

/** The outcome of a write. */
export interface TwinWrite {
  readonly twin: Twin;
  /** `null` when the write named nothing: then no counter was raised, and `twin` is the one that was given. */
  readonly changes: TwinChanges | null;
}

/** A section's new value, and the merge patch that leads to it from the old one. */
export interface Written<T> {
  readonly value: T;
  readonly change: JsonObject;
}

/**
 * One service write: raises the twin's etag and version once, whatever it wrote. The sections that it did not write
 * are `undefined`; `desired` has its new `$version` already.
 */
export function serviceWrite(
  twin: Twin,
  opType: TwinChanges["opType"],
  tags: Written<JsonObject> | undefined,
  desired: Written<Section> | undefined,
): TwinWrite {
  if (tags === undefined && desired === undefined) return { twin, changes: null };
  const written: Twin = {
    ...twin,
    tags: tags?.value ?? twin.tags,
    desired: desired?.value ?? twin.desired,
    etagCounter: twin.etagCounter + 1,
    version: twin.version + 1,
  };
  const changes: TwinChanges = {
    opType,
    etagCounter: written.etagCounter,
    version: written.version,
    tags: tags?.change,
    desired: desired && sectionChange(desired),
    twin: opType === "replaceTwin" ? written : undefined,
  };
  return { twin: written, changes };
}

function sectionChange(written: Written<Section>): SectionChange {
  return { change: written.change, version: written.value.version };
}
