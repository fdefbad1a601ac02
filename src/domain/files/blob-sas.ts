import { createHmac, timingSafeEqual } from "node:crypto";
import type { Milliseconds } from "../time.ts";

/** The version of Azure Storage whose service signatures these are. */
export const sasVersion = "2019-12-12";

/** What a signature is for: one blob of an account. */
export interface BlobResource {
  readonly account: string;
  readonly container: string;
  readonly blob: string;
}

/** `r` read, `c` create, `w` write, `d` delete: the letters of `sp`. */
export type BlobRight = "r" | "c" | "w" | "d";

/** A request's signature as its query has it, decoded. */
export interface BlobSignature {
  readonly sv: string;
  readonly sr: string;
  readonly sp: string;
  readonly se: string;
  readonly sig: string;
  readonly spr: string;
}

/**
 * A service signature for one blob as a query string with its `?`, in the form of Azure Storage:
 * `?sv=…&spr=https&se=…&sr=b&sp=rw&sig=…`. `expiry` is rounded down to seconds; `key` is Base64.
 */
export function createBlobSas(
  resource: BlobResource,
  rights: string,
  expiry: Milliseconds,
  key: string,
): string {
  const se = `${new Date(expiry).toISOString().slice(0, 19)}Z`;
  const unsigned = { sv: sasVersion, spr: "https", se, sr: "b", sp: rights };
  const sig = sign(resource, { ...unsigned, sig: "" }, key);
  const fields = Object.entries({ ...unsigned, sig });
  return `?${fields.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&")}`;
}

/** True if `key` signed it for this blob, and it has not expired. Takes as long for a wrong signature as for a right one. */
export function verifyBlobSas(
  resource: BlobResource,
  signature: BlobSignature,
  now: Milliseconds,
  key: string,
): boolean {
  const expected = Buffer.from(sign(resource, signature, key));
  const shown = Buffer.from(signature.sig);
  const signed = expected.length === shown.length && timingSafeEqual(expected, shown);
  // Written so that an expiry that is no time counts as past.
  return signed && signature.sr === "b" && Date.parse(signature.se) > now;
}

/** The string to sign of a service signature, versions 2018-11-09 to 2020-10-02; fields that we never use are empty. */
function sign(resource: BlobResource, { sp, se, spr, sv, sr }: BlobSignature, key: string): string {
  const { account, container, blob } = resource;
  const start = "";
  const identifier = "";
  const addresses = "";
  const snapshot = "";
  const answerHeaders = ["", "", "", "", ""];
  const text = [
    sp,
    start,
    se,
    `/blob/${account}/${container}/${blob}`,
    identifier,
    addresses,
    spr,
    sv,
    sr,
    snapshot,
    ...answerHeaders,
  ].join("\n");
  return createHmac("sha256", Buffer.from(key, "base64")).update(text, "utf8").digest("base64");
}
