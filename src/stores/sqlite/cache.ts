import { LRUCache } from "lru-cache";
import type { Session } from "../../app/ports.ts";
import type { Identity, Presence } from "../../domain/identity/identity.ts";
import type { Twin } from "../../domain/twin/twin.ts";

/** Bytes that a parsed value takes for each character of its text, roughly; and for its entry. */
const bytesPerCharacter = 4;
const bytesPerEntry = 300;

/** Identities that connected or left lately of which presence and session are kept. */
const maxRecent = 4_096;

/** Stands for a record that is not stored: most clients keep no session, which each connect asks for. */
export const absent = Symbol("absent");

/**
 * Parsed identities, twins, presences and sessions by `keyText`. It holds committed values only: what a commit wrote is put in
 * after the commit, and reads fill it from the database, which is never read in the middle of a commit.
 */
export class RecordCache {
  readonly identities: LRUCache<string, Identity>;
  readonly twins: LRUCache<string, Twin>;
  readonly presences = new LRUCache<string, Presence | typeof absent>({ max: maxRecent });
  readonly sessions = new LRUCache<string, Session | typeof absent>({ max: maxRecent });

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
