import { X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { type TestCertificate, makeCertificate } from "../../../test/support/certificates.ts";
import {
  checkCertificateName,
  checkIsAuthority,
  readCertificate,
  signingAuthority,
  signedBy,
} from "./certificate-authority.ts";

const now = Date.now();
const past = { notBefore: new Date(now - 2_000_000), notAfter: new Date(now - 1_000_000) };
const future = { notBefore: new Date(now + 1_000_000), notAfter: new Date(now + 2_000_000) };

let root: TestCertificate;
let plant: TestCertificate;
let line: TestCertificate;
let leaf: TestCertificate;
beforeAll(() => {
  root = makeCertificate("root", { authority: true });
  plant = makeCertificate("plant", { issuer: root, authority: true });
  line = makeCertificate("line", { issuer: plant, authority: true });
  leaf = makeCertificate("d1", { issuer: line });
});

function leads(
  chain: readonly TestCertificate[],
  authorities: readonly TestCertificate[],
  time = now,
): boolean {
  const found = signingAuthority(
    chain.map(({ der }) => der),
    authorities.map(({ certPem }) => certPem),
    time,
  );
  if (found !== null) expect(authorities.map(({ certPem }) => certPem)).toContain(found);
  return found !== null;
}

describe("a chain of certificates", () => {
  it("leads to the CA that signed it, directly or over intermediates in any order", () => {
    expect(leads([makeCertificate("d1", { issuer: root })], [root])).toBe(true);
    expect(leads([leaf, line, plant], [root])).toBe(true);
    expect(leads([leaf, plant, line, root], [root])).toBe(true);
  });

  it("may end at a registered intermediate", () => {
    expect(leads([leaf], [line])).toBe(true);
    expect(leads([leaf, line], [plant])).toBe(true);
  });

  it("leads nowhere with a link missing, without a CA, or without certificates", () => {
    expect(leads([leaf, line], [root])).toBe(false);
    expect(leads([leaf, line, plant], [])).toBe(false);
    expect(leads([], [root])).toBe(false);
    expect(signingAuthority([Buffer.from("no certificate")], [root.certPem], now)).toBeNull();
  });

  it("does not lead to a CA of the same name with another key", () => {
    const impostor = makeCertificate("root", { authority: true });
    expect(leads([leaf, line, plant, impostor], [impostor])).toBe(false);
    expect(leads([makeCertificate("d1", { issuer: impostor })], [root])).toBe(false);
  });

  it("does not lead over a certificate that may not sign (A26: a device signs for another)", () => {
    const device = makeCertificate("d1", { issuer: root });
    const forged = makeCertificate("d2", { issuer: device });
    expect(leads([forged, device], [root])).toBe(false);
    expect(leads([forged], [device])).toBe(false);
  });

  it.each([
    ["expired", past],
    ["not yet valid", future],
  ])("does not lead over what is %s: leaf, intermediate or CA", (_what, validity) => {
    const oldLeaf = makeCertificate("d1", { issuer: root, ...validity });
    expect(leads([oldLeaf], [root])).toBe(false);
    // What follows must not take the place of the caller's own certificate.
    expect(leads([oldLeaf, plant], [root])).toBe(false);
    const oldPlant = makeCertificate("plant", { issuer: root, authority: true, ...validity });
    const below = makeCertificate("d1", { issuer: oldPlant });
    expect(leads([below, oldPlant], [root])).toBe(false);
    const oldRoot = makeCertificate("old", { authority: true, ...validity });
    expect(leads([makeCertificate("d1", { issuer: oldRoot })], [oldRoot])).toBe(false);
  });

  it("leads over the renewed one of two intermediates with the same key", () => {
    const old = makeCertificate("plant", {
      issuer: root,
      authority: true,
      privateKey: plant.privateKey,
      ...past,
    });
    const below = makeCertificate("d1", { issuer: plant });
    expect(leads([below, old, plant], [root])).toBe(true);
  });

  it("has eight intermediates at the most", () => {
    const chain = [root];
    for (let depth = 1; depth <= 10; depth++)
      chain.unshift(makeCertificate(`ca${depth}`, { issuer: chain[0] ?? root, authority: true }));
    const eight = makeCertificate("d1", { issuer: chain[2] ?? root });
    expect(leads([eight, ...chain.slice(2, -1)], [root])).toBe(true);
    const nine = makeCertificate("d1", { issuer: chain[1] ?? root });
    expect(leads([nine, ...chain.slice(1, -1)], [root])).toBe(false);
  });
});

describe("a proof of possession (A30)", () => {
  it("is signed by the CA itself", () => {
    const ca = new X509Certificate(root.certPem);
    const proof = makeCertificate("CODE", { issuer: root });
    expect(signedBy(new X509Certificate(proof.der), ca)).toBe(true);
    expect(signedBy(new X509Certificate(leaf.der), ca)).toBe(false);
    const own = makeCertificate("CODE");
    expect(signedBy(new X509Certificate(own.der), ca)).toBe(false);
  });
});

describe("a certificate as it is uploaded", () => {
  it("is PEM, or Base64 of PEM or DER", () => {
    for (const text of [
      root.certPem,
      `\n ${root.certPem}\n`,
      root.der.toString("base64"),
      Buffer.from(root.certPem).toString("base64"),
    ])
      expect(new X509Certificate(readCertificate(text)).raw.equals(root.der)).toBe(true);
  });

  it.each(["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])(
    "is not '%.20s'",
    (text) => {
      expect(() => readCertificate(text)).toThrow(/neither PEM nor Base64/);
    },
  );

  it("has a limit", () => {
    expect(() => readCertificate("A".repeat(16_385))).toThrow(/16384/);
  });

  it("must be a CA's", () => {
    expect(() => checkIsAuthority(root.certPem)).not.toThrow();
    expect(() => checkIsAuthority(leaf.certPem)).toThrow(/not that of a CA/);
  });

  it.each(["", "a b", "a/b", "x".repeat(65)])("may not be named '%s'", (name) => {
    expect(() => checkCertificateName(name)).toThrow(/1 to 64/);
  });
});
