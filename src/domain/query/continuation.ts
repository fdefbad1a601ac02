import { createHash } from "node:crypto";
import { argumentInvalid, type HubError } from "../errors.ts";
import { maxContinuationLength } from "./limits.ts";

/**
 * Where the next page begins. `after` is the key of the last row that was answered: `[deviceId]`,
 * `[deviceId, moduleId]` or `[jobId, deviceId]`; empty for answers that need all rows first, which go by `delivered`.
 */
export interface QueryPosition {
  readonly after: readonly string[];
  /** Rows answered on all pages so far: TOP counts them. */
  readonly delivered: number;
}

/** Changes when the shape of tokens does, so that old ones are refused and not misread. */
const version = 1;

/** A Base64url token of at most 8192 characters that leads back to `position` for the same query text only. */
export function writeContinuation(queryText: string, position: QueryPosition): string {
  const parts = [version, fingerprint(queryText), position.delivered, ...position.after];
  return Buffer.from(JSON.stringify(parts)).toString("base64url");
}

/** Reads a token of `writeContinuation`. Throws ArgumentInvalid for anything else, and for another query's token. */
export function readContinuation(queryText: string, token: string): QueryPosition {
  const parts = partsOf(token);
  const [tokenVersion, hash, delivered, ...after] = parts;
  if (tokenVersion !== version || typeof hash !== "string" || !isCount(delivered))
    throw malformed();
  if (hash !== fingerprint(queryText)) {
    throw argumentInvalid("The continuation token belongs to another query");
  }
  if (after.length > 2 || !after.every((part) => typeof part === "string")) throw malformed();
  return { after, delivered };
}

function partsOf(token: string): readonly unknown[] {
  if (token.length > maxContinuationLength || !/^[\w-]+$/.test(token)) throw malformed();
  try {
    const parts: unknown = JSON.parse(Buffer.from(token, "base64url").toString());
    if (Array.isArray(parts)) return parts;
  } catch {
    // Refused below.
  }
  throw malformed();
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** Tells queries apart; it is no secret, a caller may read what its own query may answer. */
function fingerprint(queryText: string): string {
  return createHash("sha256").update(queryText).digest("base64url").slice(0, 16);
}

function malformed(): HubError {
  return argumentInvalid("The continuation token is not one that this hub has given");
}
