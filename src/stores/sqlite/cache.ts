import { LRUCache } from "lru-cache";
import type { Identity } from "../../domain/identity/identity.ts";
import type { Twin } from "../../domain/twin/twin.ts";

/** Bytes that a parsed value takes for each character of its text, roughly; and for its entry. */
const bytesPerCharacter = 4;
const bytesPerEntry = 300;

/**
 * Parsed identities and twins by `keyText`. It holds committed values only: what a commit wrote is put in
 * after the commit, and reads fill it from the database, which is never read in the middle of a commit.
 */
export class RecordCache {
  readonly identities: LRUCache<string, Identity>;
  readonly twins: LRUCache<string, Twin>;

  constructor(maxBytes: number) {
    this.identities = new LRUCache({ maxSize: Math.max(1, Math.floor(maxBytes / 4)) });
    this.twins = new LRUCache({ maxSize: Math.max(1, Math.floor((maxBytes / 4) * 3)) });
  }

  putIdentity(key: string, identity: Identity, textLength: number): void {
    this.identities.set(key, identity, { size: sizeOf(textLength) });
  }

  putTwin(key: string, twin: Twin, textLength: number): void {
    this.twins.set(key, twin, { size: sizeOf(textLength) });
  }
}

function sizeOf(textLength: number): number {
  return bytesPerEntry + bytesPerCharacter * textLength;
}
