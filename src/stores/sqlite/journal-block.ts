import type { JsonObject } from "../../domain/json.ts";
import type { Metadata, Section, Twin } from "../../domain/twin/twin.ts";
import { reportedTexts, twinColumns, twinOfParts } from "./codec.ts";

/** What begins another row within a commit: whoever opens the store parses row by row. */
const maxTwins = 256;
const maxCharacters = 256 * 1024;

/**
 * One twin in a row of `twin_journal`. `report`: only the reported section differs from what is in the twin's row of `twins`,
 * or from an earlier entry.
 */
export type JournalEntry =
  | { readonly kind: "whole"; readonly key: string; readonly twin: Twin }
  | {
      readonly kind: "report";
      readonly key: string;
      readonly version: number;
      readonly reported: Section;
    }
  | { readonly kind: "gone"; readonly key: string };

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

export function reportEntry(key: string, { version, reported }: Twin): string {
  const { value, metadata } = reportedTexts(reported);
  return `[${JSON.stringify(key)},${version},${reported.version},${metadata},${value}]`;
}

export function wholeEntry(key: string, twin: Twin): string {
  const { version, etagCounter, desired, reported } = twin;
  const { metadata, doc } = twinColumns(twin);
  return `[${JSON.stringify(key)},${version},${etagCounter},${desired.version},${reported.version},${metadata},${doc}]`;
}

/** The inverse of the three. Throws whatever a parser throws if the bytes are not what this module has written. */
export function entriesOf(bytes: Uint8Array): readonly JournalEntry[] {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  return (JSON.parse(text) as readonly (readonly unknown[])[]).map(entryOf);
}

function entryOf(members: readonly unknown[]): JournalEntry {
  const [key, version] = members;
  if (typeof key !== "string") throw new TypeError("An entry of the journal has no key");
  switch (members.length) {
    case 1:
      return { kind: "gone", key };
    case 5: {
      const [, , of, metadata, value] = members;
      const reported = {
        value: value as JsonObject,
        metadata: metadata as Metadata,
        version: Number(of),
      };
      return { kind: "report", key, version: Number(version), reported };
    }
    case 7:
      return { kind: "whole", key, twin: wholeOf(members) };
    default:
      throw new TypeError(`An entry of the journal has ${members.length} members`);
  }
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
