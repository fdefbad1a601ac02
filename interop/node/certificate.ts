/** Client certificates for tests: EC keys on P-256, good for an hour. */
import { X509Certificate, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
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

export interface Certified {
  readonly name: string;
  readonly privateKey: KeyObject;
  readonly certPem: string;
  readonly keyPem: string;
  /** SHA-1 of the certificate, 40 hexadecimal digits, as identities are registered with. */
  readonly thumbprint: string;
}

const hour = 3_600_000;
const ecdsaWithSha256 = sequence(objectIdentifier("1.2.840.10045.4.3.2"));

/** A certificate with the common name `name`: signed by `issuer`, or by itself and then one that may sign others. */
export function certified(name: string, issuer?: Certified): Certified {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const toBeSigned = sequence(
    explicit(0, unsigned(Buffer.from([2]))),
    unsigned(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ecdsaWithSha256,
    commonName(issuer?.name ?? name),
    sequence(time(Date.now() - hour), time(Date.now() + hour)),
    commonName(name),
    publicKey.export({ type: "spki", format: "der" }),
    explicit(3, sequence(basicConstraints(issuer === undefined))),
  );
  const signature = sign("sha256", toBeSigned, issuer?.privateKey ?? privateKey);
  const der = sequence(toBeSigned, ecdsaWithSha256, bitString(signature));
  const certificate = new X509Certificate(der);
  return {
    name,
    privateKey,
    certPem: certificate.toString(),
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    thumbprint: certificate.fingerprint.replaceAll(":", ""),
  };
}

function commonName(name: string): Buffer {
  return sequence(set(sequence(objectIdentifier("2.5.4.3"), utf8String(name))));
}

function basicConstraints(authority: boolean): Buffer {
  const content = authority ? sequence(boolean(true)) : sequence();
  return sequence(objectIdentifier("2.5.29.19"), boolean(true), octetString(content));
}
