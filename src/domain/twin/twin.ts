import type { JsonObject } from "../json.ts";
import type { Milliseconds } from "../time.ts";

/**
 * When a property was last written: a mirror of the section's object structure. Arrays and scalars have one
 * entry at their key (spec/semantics §4.4). Short names, because it is stored with every twin.
 */
export interface Metadata {
  /** When it was last named in a write. */
  readonly t: Milliseconds;
  /** The section's `$version` of that write; desired properties only. */
  readonly v?: number | undefined;
  /** The members of an object property. */
  readonly k?: { readonly [key: string]: Metadata } | undefined;
}

/** `properties.desired` or `properties.reported`. */
export interface Section {
  readonly value: JsonObject;
  readonly metadata: Metadata;
  /** `$version`, from 1. */
  readonly version: number;
}

/** A device's or a module's twin: the same type. Immutable. */
export interface Twin {
  readonly tags: JsonObject;
  readonly desired: Section;
  readonly reported: Section;
  /** Raised by each service write, never by a report; from 1. `version` = `etagCounter` + `reported.version`. */
  readonly etagCounter: number;
  /** Raised by every write of any section; from 2 (spec/semantics §4.2). */
  readonly version: number;
  /** The DTDL id that the client announced, or "". */
  readonly modelId: string;
  readonly configurations: { readonly [id: string]: { readonly status: "Targeted" | "Applied" } };
}

/** A service's PATCH or PUT: only what it holds is written; `null` clears a section in a PATCH. */
export interface TwinPatch {
  readonly tags?: JsonObject | null | undefined;
  readonly desired?: JsonObject | null | undefined;
}

/** The twin that is created with its identity; its metadata has no version before the first write (spec/semantics §4.1, §4.2). */
export function newTwin(now: Milliseconds): Twin {
  return {
    tags: {},
    desired: { value: {}, metadata: { t: now }, version: 1 },
    reported: { value: {}, metadata: { t: now }, version: 1 },
    etagCounter: 1,
    version: 2,
    modelId: "",
    configurations: {},
  };
}
