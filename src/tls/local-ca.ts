import { X509Certificate, createPrivateKey, generateKeyPairSync, randomBytes } from "node:crypto";
import path from "node:path";
import { type Authority, type Validity, makeAuthority } from "./certificate.ts";
import { readIfThere, writeAtomically } from "./files.ts";
import { TlsError } from "./tls-error.ts";

const dayInMilliseconds = 86_400_000;

/** How long a local authority is good for. */
export const authorityLifetime = 3650 * dayInMilliseconds;

/** Certificates begin a day early: clocks of devices run late. */
export const clockTolerance = dayInMilliseconds;

export const authorityFileName = "ca.pem";
export const authorityKeyFileName = "ca-key.pem";

/** A new authority with a fresh P-256 key. Its name ends in random digits, since several hubs' authorities may share a trust store. */
export function createAuthority(now: number): Authority {
  const validity: Validity = { notBefore: now - clockTolerance, notAfter: now + authorityLifetime };
  return makeAuthority(
    newEcdsaKey(),
    `twinhub local CA ${randomBytes(4).toString("hex")}`,
    validity,
  );
}

/** A P-256 private key as PKCS #8 PEM. */
export function newEcdsaKey(): string {
  return generateKeyPairSync("ec", {
    namedCurve: "P-256",
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  }).privateKey;
}

/**
 * The directory's authority: `ca.pem` (0644) and `ca-key.pem` (0600), made when `ca.pem` is not there.
 * Throws `TlsError` if the pair is damaged, incomplete or has expired: a new authority would have to be given to
 * every client, so that is never done unasked.
 */
export function loadOrCreateAuthority(directory: string, now: number): Authority {
  const file = path.join(directory, authorityFileName);
  const keyFile = path.join(directory, authorityKeyFileName);
  const certificatePem = readIfThere(file);
  if (certificatePem !== undefined) return readAuthority(file, certificatePem, keyFile, now);

  const authority = createAuthority(now);
  // The key comes first: a certificate without its key would be found damaged at the next start.
  writeAtomically(keyFile, authority.keyPem, 0o600);
  writeAtomically(file, authority.certificatePem, 0o644);
  return authority;
}

function readAuthority(
  file: string,
  certificatePem: string,
  keyFile: string,
  now: number,
): Authority {
  const way = `restore it, or delete ${file} to get a new CA that every client must be given`;
  const keyPem = readIfThere(keyFile);
  if (keyPem === undefined) throw new TlsError(`The CA's key ${keyFile} is missing: ${way}`);
  let certificate: X509Certificate;
  let matches: boolean;
  try {
    certificate = new X509Certificate(certificatePem);
    matches = certificate.checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    throw new TlsError(`The CA in ${file} and ${keyFile} cannot be read: ${way}`);
  }
  if (!matches) throw new TlsError(`The key ${keyFile} does not belong to ${file}: ${way}`);
  if (Date.parse(certificate.validTo) <= now)
    throw new TlsError(`The CA in ${file} expired on ${certificate.validTo}: ${way}`);
  return { certificatePem, keyPem, subject: certificate.subject.replace(/^CN=/, "") };
}
