import type { JsonObject } from "../../domain/json.ts";
import type { Report } from "../../domain/twin/apply-reported.ts";
import type { Metadata, Section, Twin } from "../../domain/twin/twin.ts";
import {
  desiredTexts,
  inDesired,
  inReported,
  inTags,
  reportedTexts,
  type Sections,
  tagsText,
  twinColumns,
  twinOfParts,
} from "./codec.ts";

/** What begins another row within a commit: whoever opens the store parses row by row. */
const maxTwins = 256;
const maxCharacters = 256 * 1024;

/**
 * One twin in a row of `twin_journal`. `sections`: only these differ from what is in the twin's row of `twins`, or from an
 * earlier entry. `report`: nothing but this report has happened to the twin whose version is one less.
 */
export type JournalEntry =
  | { readonly kind: "whole"; readonly key: string; readonly twin: Twin }
  | { readonly kind: "sections"; readonly key: string; readonly written: WrittenSections }
  | {
      readonly kind: "report";
      readonly key: string;
      readonly version: number;
      readonly report: Report;
    }
  | { readonly kind: "gone"; readonly key: string };

/** Members of a twin that stand for what they were before. */
export interface WrittenSections {
  readonly version: number;
  readonly etagCounter?: number;
  readonly tags?: JsonObject;
  readonly desired?: Section;
  readonly reported?: Section;
}

/** What one commit puts into the journal, or a part of it: a row of `twin_journal`. */
export interface JournalBlock {
  readonly keys: readonly string[];
  /** JSON of an array of entries. */
  readonly text: string;
}

/** Puts entries together to blocks. */
export class JournalBlocks {
  readonly #blocks: JournalBlock[] = [];
  #keys: string[] = [];
  #text = "";
  #characters = 0;
  #entries = 0;

  get entries(): number {
    return this.#entries;
  }

  /** Of all entries. */
  get characters(): number {
    return this.#characters;
  }

  /** Gives the number of the block, from 1. */
  add(key: string, entry: string): number {
    if (this.#keys.length >= maxTwins || this.#text.length >= maxCharacters) this.#end();
    this.#text += this.#keys.length === 0 ? entry : `,${entry}`;
    this.#keys.push(key);
    this.#characters += entry.length;
    this.#entries++;
    return this.#blocks.length + 1;
  }

  /** All of them; nothing may be added any more. */
  all(): readonly JournalBlock[] {
    if (this.#keys.length > 0) this.#end();
    return this.#blocks;
  }

  #end(): void {
    this.#blocks.push({ keys: this.#keys, text: `[${this.#text}]` });
    this.#keys = [];
    this.#text = "";
  }
}

export function goneEntry(key: string): string {
  return `[${JSON.stringify(key)}]`;
}

/** `version`: the twin's after the report; `change`: the report's, as JSON text. */
export function reportEntry(key: string, version: number, at: number, change: string): string {
  return `[${JSON.stringify(key)},${version},${at},${change}]`;
}

/** `written`: the sections that it holds; 0 stands for each of the others. */
export function sectionsEntry(key: string, twin: Twin, written: Sections): string {
  const { version, etagCounter, desired, reported } = twin;
  const tags = (written & inTags) === 0 ? "0" : tagsText(twin);
  const wanted = (written & inDesired) === 0 ? "0" : sectionText(desired, desiredTexts(desired));
  const said = (written & inReported) === 0 ? "0" : sectionText(reported, reportedTexts(reported));
  return `[${JSON.stringify(key)},${version},${etagCounter},${tags},${wanted},${said}]`;
}

function sectionText(
  { version }: Section,
  { value, metadata }: { readonly value: string; readonly metadata: string },
): string {
  return `[${version},${metadata},${value}]`;
}

export function wholeEntry(key: string, twin: Twin): string {
  const { version, etagCounter, desired, reported } = twin;
  const { metadata, doc } = twinColumns(twin);
  return `[${JSON.stringify(key)},${version},${etagCounter},${desired.version},${reported.version},${metadata},${doc}]`;
}

/** The inverse of the four. Throws whatever a parser throws if the bytes are not what this module has written. */
export function entriesOf(bytes: Uint8Array): readonly JournalEntry[] {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  return (JSON.parse(text) as readonly (readonly unknown[])[]).map(entryOf);
}

function entryOf(members: readonly unknown[]): JournalEntry {
  const [key] = members;
  if (typeof key !== "string") throw new TypeError("An entry of the journal has no key");
  switch (members.length) {
    case 1:
      return { kind: "gone", key };
    case 4: {
      const [, version, at, change] = members;
      const report = { change: change as JsonObject, at: Number(at) };
      return { kind: "report", key, version: Number(version), report };
    }
    case 5:
      return { kind: "sections", key, written: reportOf(members) };
    case 6:
      return { kind: "sections", key, written: sectionsOf(members) };
    case 7:
      return { kind: "whole", key, twin: wholeOf(members) };
    default:
      throw new TypeError(`An entry of the journal has ${members.length} members`);
  }
}

function sectionsOf(members: readonly unknown[]): WrittenSections {
  const [, version, etagCounter, tags, desired, reported] = members;
  return {
    version: Number(version),
    etagCounter: Number(etagCounter),
    ...(tags === 0 ? {} : { tags: tags as JsonObject }),
    ...(desired === 0 ? {} : { desired: sectionOf(desired) }),
    ...(reported === 0 ? {} : { reported: sectionOf(reported) }),
  };
}

/** What the first builds with a journal wrote of a report: a hub may have been killed before it was updated. */
function reportOf([, version, ...reported]: readonly unknown[]): WrittenSections {
  const [of, metadata, value] = reported;
  return { version: Number(version), reported: sectionOf([of, metadata, value]) };
}

function sectionOf(members: unknown): Section {
  if (!Array.isArray(members)) throw new TypeError("A section in the journal is no array");
  const [version, metadata, value] = members as readonly unknown[];
  return { version: Number(version), metadata: metadata as Metadata, value: value as JsonObject };
}

function wholeOf(members: readonly unknown[]): Twin {
  const [, version, etagCounter, desired, reported, metadata, doc] = members;
  return twinOfParts(doc, metadata, {
    version: Number(version),
    etagCounter: Number(etagCounter),
    desired: Number(desired),
    reported: Number(reported),
  });
}
