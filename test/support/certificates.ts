/** Client certificates for tests: EC keys on P-256, valid from yesterday to tomorrow unless told otherwise. */
import {
  type KeyObject,
  X509Certificate,
  createHash,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
} from "node:crypto";
import {
  bitString,
  boolean,
  explicit,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  unsigned,
  utf8String,
} from "../../src/tls/der.ts";

/** A certificate with its private key. */
export interface TestCertificate {
  readonly commonName: string;
  readonly privateKey: KeyObject;
  readonly certPem: string;
  readonly keyPem: string;
  readonly der: Buffer;
  /** Hexadecimal, upper-case, without colons. */
  readonly sha1: string;
  readonly sha256: string;
}

export interface CertificateOptions {
  /** Who signs; the certificate itself if missing. */
  readonly issuer?: TestCertificate;
  /** May sign others. */
  readonly authority?: boolean;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Instead of a new one. */
  readonly privateKey?: KeyObject;
}

const day = 86_400_000;
const ecdsaWithSha256 = sequence(objectIdentifier("1.2.840.10045.4.3.2"));

export function makeCertificate(
  commonName: string,
  options: CertificateOptions = {},
): TestCertificate {
  const { issuer, notBefore, notAfter } = options;
  const privateKey =
    options.privateKey ?? generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const toBeSigned = sequence(
    explicit(0, unsigned(Buffer.from([2]))),
    unsigned(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ecdsaWithSha256,
    nameOf(issuer?.commonName ?? commonName),
    sequence(
      time(notBefore?.getTime() ?? Date.now() - day),
      time(notAfter?.getTime() ?? Date.now() + day),
    ),
    nameOf(commonName),
    createPublicKey(privateKey).export({ type: "spki", format: "der" }),
    explicit(3, sequence(basicConstraints(options.authority === true))),
  );
  const signature = sign("sha256", toBeSigned, issuer?.privateKey ?? privateKey);
  const der = sequence(toBeSigned, ecdsaWithSha256, bitString(signature));
  const digest = (hash: string) => createHash(hash).update(der).digest("hex").toUpperCase();
  return {
    commonName,
    privateKey,
    certPem: new X509Certificate(der).toString(),
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    der,
    sha1: digest("sha1"),
    sha256: digest("sha256"),
  };
}

function nameOf(commonName: string): Buffer {
  return sequence(set(sequence(objectIdentifier("2.5.4.3"), utf8String(commonName))));
}

function basicConstraints(authority: boolean): Buffer {
  const content = authority ? sequence(boolean(true)) : sequence();
  return sequence(objectIdentifier("2.5.29.19"), boolean(true), octetString(content));
}
