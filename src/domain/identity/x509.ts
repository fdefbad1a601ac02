import { X509Certificate } from "node:crypto";
import type { Milliseconds } from "../time.ts";

/**
 * The subject's common name, which for a certificate of a registered CA is `deviceId` or `deviceId/moduleId`
 * (spec/semantics §7.3). Empty if there is none, if there are several, or if `der` is not a certificate: none of
 * these names anybody.
 */
export function certificateSubject(der: Uint8Array): { readonly commonName: string } {
  const subject: unknown = read(der)?.toLegacyObject().subject;
  // A certificate without any subject has none here; a repeated attribute is an array.
  const name = typeof subject === "object" && subject !== null && "CN" in subject && subject.CN;
  return { commonName: typeof name === "string" ? name : "" };
}

/** True from the first to the last moment of the certificate's validity; false for what is not a certificate. */
export function isValidAt(der: Uint8Array, now: Milliseconds): boolean {
  const certificate = read(der);
  if (certificate === undefined) return false;
  return Date.parse(certificate.validFrom) <= now && now <= Date.parse(certificate.validTo);
}

function read(der: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(der);
  } catch {
    return undefined;
  }
}
