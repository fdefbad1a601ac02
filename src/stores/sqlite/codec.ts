import type { Identity } from "../../domain/identity/identity.ts";
import { parseKeyText } from "../../domain/identity/key.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { Metadata, Section, Twin } from "../../domain/twin/twin.ts";
import type { TwinText } from "../../domain/twin/view.ts";
import type { Row, SqlValue } from "./driver.ts";

/** What only this store writes needs no checking when it is read, but its callers must name its type. */
export function parse(text: SqlValue | undefined): unknown {
  return JSON.parse(String(text));
}

/** The two columns of a `keyText`. */
export function columnsOf(key: string): [deviceId: string, moduleId: string] {
  const { deviceId, moduleId } = parseKeyText(key);
  return [deviceId, moduleId ?? ""];
}

/** A twin as its row holds it: the values that queries address apart from the metadata. */
export interface TwinColumns {
  readonly metadata: string;
  readonly doc: string;
}

/** A set of a twin's sections, as bits: `inTags`, `inDesired`, `inReported`. */
export type Sections = number;
export const inTags: Sections = 1;
export const inDesired: Sections = 2;
export const inReported: Sections = 4;

/** Texts of what a report leaves as it was. */
const knownTexts = new WeakMap<object, string>();

function textOf(value: object): string {
  const known = knownTexts.get(value);
  if (known !== undefined) return known;
  const text = JSON.stringify(value);
  knownTexts.set(value, text);
  return text;
}

interface TwinDoc {
  readonly tags: JsonObject;
  readonly properties: { readonly desired: JsonObject; readonly reported: JsonObject };
  readonly modelId: string;
  readonly configurations: Twin["configurations"];
}

interface TwinMetadata {
  readonly desired: Metadata;
  readonly reported: Metadata;
}

export function twinColumns(twin: Twin): TwinColumns {
  const { tags, desired, reported, modelId, configurations } = twin;
  const { value, metadata } = reportedTexts(reported);
  const properties = `{"desired":${textOf(desired.value)},"reported":${value}}`;
  return {
    doc: `{"tags":${textOf(tags)},"properties":${properties},"modelId":${JSON.stringify(modelId)},"configurations":${textOf(configurations)}}`,
    metadata: `{"desired":${textOf(desired.metadata)},"reported":${metadata}}`,
  };
}

/** What a report writes anew. */
export function reportedTexts(reported: Section): {
  readonly value: string;
  readonly metadata: string;
} {
  return { value: JSON.stringify(reported.value), metadata: JSON.stringify(reported.metadata) };
}

/** The same of a section that reports leave as it was. */
export function desiredTexts(desired: Section): {
  readonly value: string;
  readonly metadata: string;
} {
  return { value: textOf(desired.value), metadata: textOf(desired.metadata) };
}

export function tagsText({ tags }: Twin): string {
  return textOf(tags);
}

/** Characters of reported sections that a service's writes leave as they were: their texts are too many to be kept. */
const knownLengths = new WeakMap<Section, number>();

/** Characters of a twin's sections that are not among `written`, and of its configurations. */
export function unwrittenLength(twin: Twin, written: Sections): number {
  let length = textOf(twin.configurations).length;
  if ((written & inTags) === 0) length += tagsText(twin).length;
  if ((written & inDesired) === 0) length += lengthOf(desiredTexts(twin.desired));
  if ((written & inReported) === 0) length += reportedLength(twin.reported);
  return length;
}

function reportedLength(reported: Section): number {
  const known = knownLengths.get(reported);
  if (known !== undefined) return known;
  const length = lengthOf(reportedTexts(reported));
  knownLengths.set(reported, length);
  return length;
}

function lengthOf(texts: { readonly value: string; readonly metadata: string }): number {
  return texts.value.length + texts.metadata.length;
}

/** Reads a row with the columns of `twins`, `doc` as text. */
export function twinOf(row: Row): Twin {
  return twinOfParts(parse(row["doc"]), parse(row["metadata"]), {
    version: Number(row["version"]),
    etagCounter: Number(row["etag_counter"]),
    desired: Number(row["desired_version"]),
    reported: Number(row["reported_version"]),
  });
}

/** The same of columns that are parsed. */
export function twinOfParts(
  doc: unknown,
  metadata: unknown,
  versions: Readonly<Record<"version" | "etagCounter" | "desired" | "reported", number>>,
): Twin {
  const { tags, properties, modelId, configurations } = doc as TwinDoc;
  const written = metadata as TwinMetadata;
  const section = (name: "desired" | "reported"): Section => ({
    value: properties[name],
    metadata: written[name],
    version: versions[name],
  });
  return {
    tags,
    desired: section("desired"),
    reported: section("reported"),
    etagCounter: versions.etagCounter,
    version: versions.version,
    modelId,
    configurations,
  };
}

/** The same with its sections as texts, each from a column of its own. */
export function twinTextOf(row: Row): TwinText {
  return {
    tags: String(row["tags"]),
    desired: { value: String(row["desired"]), version: Number(row["desired_version"]) },
    reported: { value: String(row["reported"]), version: Number(row["reported_version"]) },
    metadata: String(row["metadata"]),
    etagCounter: Number(row["etag_counter"]),
    version: Number(row["version"]),
    modelId: String(row["model_id"]),
    configurations: String(row["configurations"]),
  };
}

export function identityOf(text: SqlValue | undefined): Identity {
  return parse(text) as Identity;
}

/** Each partition of the log is one range of positions. */
const partitionRange = 2 ** 40;

export function logPosition(partition: number, sequenceNumber: number): number {
  return partition * partitionRange + sequenceNumber;
}

/** The inverse of `logPosition`, for the number. */
export function sequenceNumberOf(position: number): number {
  return position % partitionRange;
}

export function bytesOf(value: SqlValue | undefined): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array();
}
