import {
  type KeyObject,
  createHash,
  createPrivateKey,
  createPublicKey,
  randomBytes,
  sign,
} from "node:crypto";
import {
  bitString,
  boolean,
  explicit,
  implicit,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  unsigned,
  utf8String,
} from "./der.ts";
import { addressBytes, isAddress } from "./names.ts";

/** A certificate authority that can sign: PEM texts. */
export interface Authority {
  readonly certificatePem: string;
  /** PKCS #8. Never leaves the TLS folder. */
  readonly keyPem: string;
  readonly subject: string;
}

export interface Validity {
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
}

const oid = {
  commonName: "2.5.4.3",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
} as const;

/** Named bits of KeyUsage (RFC 5280 §4.2.1.3), as the bit string's content and its unused bits. */
const usage = {
  authority: { bits: 0x06, unused: 1 }, // keyCertSign, cRLSign
  ecdsaServer: { bits: 0x80, unused: 7 }, // digitalSignature
  rsaServer: { bits: 0xa0, unused: 5 }, // digitalSignature, keyEncipherment
} as const;

/** A self-signed authority that may sign end certificates only; `keyPem` must be an EC key on P-256. */
export function makeAuthority(keyPem: string, subject: string, validity: Validity): Authority {
  const key = createPrivateKey(keyPem);
  const publicKey = createPublicKey(key);
  const extensions = [
    extension(
      oid.basicConstraints,
      sequence(boolean(true), unsigned(Buffer.from([0]))),
      "critical",
    ),
    keyUsage(usage.authority),
    extension(oid.subjectKeyIdentifier, octetString(keyIdentifier(publicKey))),
  ];
  const certificatePem = signed(key, { issuer: subject, subject, publicKey, validity, extensions });
  return { certificatePem, keyPem, subject };
}

/** A server certificate for `names` (host names and IP addresses), signed by the authority. PEM. */
export function issueServerCertificate(
  authority: Authority,
  serverKeyPem: string,
  names: readonly string[],
  validity: Validity,
): string {
  const authorityKey = createPrivateKey(authority.keyPem);
  const publicKey = createPublicKey(serverKeyPem);
  const extensions = [
    extension(oid.basicConstraints, sequence(), "critical"),
    keyUsage(publicKey.asymmetricKeyType === "rsa" ? usage.rsaServer : usage.ecdsaServer),
    extension(oid.extendedKeyUsage, sequence(objectIdentifier(oid.serverAuth))),
    extension(oid.subjectKeyIdentifier, octetString(keyIdentifier(publicKey))),
    extension(
      oid.authorityKeyIdentifier,
      sequence(implicit(0, keyIdentifier(createPublicKey(authorityKey)))),
    ),
    alternativeNames(names),
  ];
  const { subject: issuer } = authority;
  return signed(authorityKey, {
    issuer,
    subject: "twinhub server",
    publicKey,
    validity,
    extensions,
  });
}

/** The DER of the subjectAltName extension: a certificate holds these bytes if it is for exactly `names`, in this order. */
export function alternativeNames(names: readonly string[]): Buffer {
  const entries = names.map(
    (name) =>
      isAddress(name) ? implicit(7, addressBytes(name)) : implicit(2, Buffer.from(name, "latin1")), // dNSName
  );
  return extension(oid.subjectAltName, sequence(...entries));
}

interface Content {
  readonly issuer: string;
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly validity: Validity;
  readonly extensions: readonly Buffer[];
}

/** RFC 5280 §4.1: version 3, signed with ECDSA and SHA-256. */
function signed(key: KeyObject, content: Content): string {
  const algorithm = sequence(objectIdentifier(oid.ecdsaWithSha256));
  const toBeSigned = sequence(
    explicit(0, unsigned(Buffer.from([2]))),
    unsigned(serialNumber()),
    algorithm,
    distinguishedName(content.issuer),
    sequence(time(content.validity.notBefore), time(content.validity.notAfter)),
    distinguishedName(content.subject),
    content.publicKey.export({ type: "spki", format: "der" }),
    explicit(3, sequence(...content.extensions)),
  );
  const der = sequence(toBeSigned, algorithm, bitString(sign("sha256", toBeSigned, key)));
  return pem(der);
}

function extension(id: string, value: Uint8Array, critical?: "critical"): Buffer {
  const flag = critical === undefined ? [] : [boolean(true)];
  return sequence(objectIdentifier(id), ...flag, octetString(value));
}

function keyUsage(flags: { readonly bits: number; readonly unused: number }): Buffer {
  return extension(oid.keyUsage, bitString(Buffer.from([flags.bits]), flags.unused), "critical");
}

function distinguishedName(commonName: string): Buffer {
  return sequence(set(sequence(objectIdentifier(oid.commonName), utf8String(commonName))));
}

/** 20 bytes that differ for each public key (RFC 7093 §2, method 4). */
function keyIdentifier(publicKey: KeyObject): Buffer {
  const der = publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(der).digest().subarray(0, 20);
}

/** Positive, at most 20 octets, with at least 64 random bits (RFC 5280 §4.1.2.2). */
function serialNumber(): Buffer {
  return Buffer.concat([Buffer.from([0x01]), randomBytes(15)]);
}

function pem(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
