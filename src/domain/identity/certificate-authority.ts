import { X509Certificate } from "node:crypto";
import { argumentInvalid } from "../errors.ts";
import type { Milliseconds } from "../time.ts";
import { isValidAt } from "./x509.ts";

/** A CA certificate that devices and modules may be signed by (spec/semantics §7.3). */
export interface CertificateAuthority {
  readonly name: string;
  /** PEM of the one certificate. */
  readonly pem: string;
  /** Whoever uploaded it has proven to hold its private key, or an owner has vouched for it. */
  readonly isVerified: boolean;
  /** What the proof must be made out to: the newest code only. */
  readonly verificationCode: string | null;
  readonly etagNumber: number;
  readonly created: Milliseconds;
  readonly updated: Milliseconds;
}

/** Registered certificates per hub (spec/semantics §15.3). */
export const maxCertificates = 25;
/** Certificates between a leaf and a registered CA at the most. */
const maxIntermediates = 8;
const maxPem = 16_384;
const namePattern = /^[A-Za-z0-9\-._]{1,64}$/;

/** Refuses names outside 1–64 letters, digits and `- . _`. */
export function checkCertificateName(name: string): void {
  if (!namePattern.test(name)) {
    throw argumentInvalid("The name of a certificate must be 1 to 64 letters, digits and - . _");
  }
}

/** Reads one certificate: PEM, or Base64 of PEM or DER as Azure's tools send it. Gives PEM. */
export function readCertificate(text: string): string {
  if (text.length > maxPem)
    throw argumentInvalid(`A certificate may have ${maxPem} characters at most`);
  const trimmed = text.trim();
  const candidates = trimmed.startsWith("-----BEGIN")
    ? [trimmed]
    : [Buffer.from(trimmed, "base64")];
  for (const candidate of candidates) {
    try {
      return new X509Certificate(candidate).toString();
    } catch {
      // Not a certificate in this form.
    }
  }
  throw argumentInvalid("The certificate is neither PEM nor Base64 of a certificate");
}

/** Refuses what cannot sign: a certificate without the CA flag. */
export function checkIsAuthority(pem: string): void {
  if (!new X509Certificate(pem).ca)
    throw argumentInvalid("The certificate is not that of a CA (basicConstraints)");
}

/**
 * The one of `authorities` (PEM) that `chain` (leaf first, DER) leads to by signatures, each certificate valid at `now`
 * and each signer a CA; `null` if it leads to none. Certificates that do not parse lead nowhere.
 */
export function signingAuthority(
  chain: readonly Uint8Array[],
  authorities: readonly string[],
  now: Milliseconds,
): string | null {
  const [leaf, ...others] = chain
    .slice(0, maxIntermediates + 1)
    .filter((der) => isValidAt(der, now))
    .map((der) => new X509Certificate(der));
  // The first certificate is the caller's own; an expired one must not make the next one the leaf.
  if (leaf === undefined || !isFirst(leaf, chain)) return null;
  const roots = authorities
    .map((pem) => ({ pem, root: new X509Certificate(pem) }))
    .filter(({ root }) => root.ca && isValidAt(root.raw, now));
  const unused = new Set(others.filter(({ ca }) => ca));
  for (let current: X509Certificate | undefined = leaf; current !== undefined;) {
    const signed: X509Certificate = current;
    const found = roots.find(({ root }) => signedBy(signed, root));
    if (found !== undefined) return found.pem;
    current = [...unused].find((candidate) => signedBy(signed, candidate));
    if (current !== undefined) unused.delete(current);
  }
  return null;
}

/** True if `certificate` was signed with the private key of `issuer`. */
export function signedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

function isFirst(certificate: X509Certificate, [first]: readonly Uint8Array[]): boolean {
  return first !== undefined && certificate.raw.equals(first);
}
