/** An identity's etag: Base64 of a decimal number written as text, `MTA=` for 10 (spec/semantics §2.7). */
export function identityEtag(etagNumber: number): string {
  return Buffer.from(String(etagNumber), "latin1").toString("base64");
}

/** A twin's etag: Base64 of an 8-byte big-endian counter, `AAAAAAAAAAE=` for 1 (spec/semantics §4.2). */
export function twinEtag(counter: number): string {
  etagBytes.writeUInt32BE(Math.floor(counter / wordSize), 0);
  etagBytes.writeUInt32BE(counter % wordSize, 4);
  return etagBytes.toString("base64");
}

const wordSize = 2 ** 32;
/** Filled anew by each call, which costs a fifth of making one. */
const etagBytes = Buffer.alloc(8);

/** The counter whose etag a text is; undefined if it is that of none. */
export function twinEtagCounter(text: string): number | undefined {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length !== 8) return undefined;
  const counter = Number(bytes.readBigUInt64BE());
  return Number.isSafeInteger(counter) && twinEtag(counter) === text ? counter : undefined;
}

/**
 * What a caller demands of the stored etag.
 * `absent`: no header; `any`: `*`, quoted or not; `etag`: a quoted value must match.
 * `unquoted`: a bare value: equal means match, different counts as absent (spec/rest §6.3).
 */
export type Precondition =
  | { readonly kind: "absent" }
  | { readonly kind: "any" }
  | { readonly kind: "etag"; readonly etag: string }
  | { readonly kind: "unquoted"; readonly etag: string };

export const noPrecondition: Precondition = { kind: "absent" };
export const anyEtag: Precondition = { kind: "any" };

/** Reads an If-Match value; `W/"…"` compares like `"…"`. */
export function parsePrecondition(header: string | undefined): Precondition {
  const text = header?.trim();
  if (text === undefined || text === "") return noPrecondition;
  const quoted = /^(?:W\/)?"(.*)"$/.exec(text);
  const value = quoted?.[1] ?? text;
  if (value === "*") return anyEtag;
  return quoted === null ? { kind: "unquoted", etag: value } : { kind: "etag", etag: value };
}

/** True if the stored etag satisfies the precondition; `absent` always does. */
export function satisfies(precondition: Precondition, etag: string): boolean {
  return precondition.kind !== "etag" || precondition.etag === etag;
}

/**
 * True if the caller means an existing resource: a PUT with it updates, without it creates.
 * A bare value counts only if it is the current etag.
 */
export function meansExisting(precondition: Precondition, etag: string | undefined): boolean {
  switch (precondition.kind) {
    case "absent":
      return false;
    case "any":
    case "etag":
      return true;
    case "unquoted":
      return precondition.etag === etag;
  }
}
