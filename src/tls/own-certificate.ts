import { X509Certificate, createPrivateKey } from "node:crypto";
import { readRequired } from "./files.ts";
import type { ServerTls } from "./server-certs.ts";
import { TlsError } from "./tls-error.ts";

/** Files in PEM: the certificate with its intermediates after it, and its private key without a pass phrase. */
export interface OwnCertificate {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Intermediates in one file, the root included. */
const maxChain = 10;

/**
 * A server certificate from elsewhere. If the file holds its self-signed root, that is the CA to trust;
 * otherwise clients must know the root already. Throws `TlsError` naming the file that is at fault.
 */
export function loadOwnCertificate(own: OwnCertificate, now: number): ServerTls {
  const cert = readRequired(own.certFile);
  const key = readRequired(own.keyFile);
  const chain = readChain(own.certFile, cert);
  const [server] = chain;
  if (server === undefined) throw new TlsError(`${own.certFile} holds no certificate in PEM`);
  if (!keyMatches(own.keyFile, key, server))
    throw new TlsError(
      `The key ${own.keyFile} does not belong to the first certificate of ${own.certFile}`,
    );
  const expires = Date.parse(server.validTo);
  if (expires <= now)
    throw new TlsError(`The certificate ${own.certFile} expired on ${server.validTo}: renew it`);
  const root = chain.find((each) => each.checkIssued(each));
  return {
    key: [key],
    cert: [cert],
    caPem: root?.toString() ?? "",
    caFile: root === undefined ? null : own.certFile,
    names: namesOf(server),
    expires,
  };
}

function readChain(file: string, pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length > maxChain)
    throw new TlsError(`${file} holds ${blocks.length} certificates, at most ${maxChain} are read`);
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    throw new TlsError(`${file} holds a certificate that cannot be read`);
  }
}

function keyMatches(file: string, pem: string, certificate: X509Certificate): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(pem));
  } catch {
    throw new TlsError(`${file} holds no private key in PEM, or one with a pass phrase`);
  }
}

function namesOf(certificate: X509Certificate): string[] {
  const entries = certificate.subjectAltName?.split(", ") ?? [];
  return entries.map((entry) => entry.replace(/^(?:DNS|IP Address):/, ""));
}
