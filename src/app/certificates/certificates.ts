import { X509Certificate } from "node:crypto";
import { HubError, argumentInvalid } from "../../domain/errors.ts";
import {
  type CertificateAuthority,
  checkCertificateName,
  checkIsAuthority,
  maxCertificates,
  readCertificate,
  signedBy,
} from "../../domain/identity/certificate-authority.ts";
import {
  type Precondition,
  identityEtag,
  meansExisting,
  satisfies,
} from "../../domain/identity/etag.ts";
import { certificateSubject } from "../../domain/identity/x509.ts";
import { thumbprints } from "../../domain/identity/thumbprint.ts";
import type { JsonObject } from "../../domain/json.ts";
import { timeText } from "../../domain/time.ts";
import type { HubContext } from "../context.ts";
import type { Resource } from "../hub.ts";
import { demandOwner } from "../policies/policies.ts";
import type { HubReads, HubTx } from "../ports.ts";
import type { Principal } from "../principal.ts";

const collection = "certificates";

export async function listCertificates(
  context: HubContext,
  principal: Principal,
): Promise<readonly JsonObject[]> {
  demandOwner(principal);
  return context.store.transaction(null, (tx) => all(tx).map(view));
}

export async function getCertificate(
  context: HubContext,
  principal: Principal,
  name: string,
): Promise<Resource> {
  demandOwner(principal);
  return context.store.transaction(null, (tx) => resource(find(tx, name)));
}

/** Registers a CA, verified at once if the owner vouches for it; with a precondition, replaces it. */
export async function putCertificate(
  context: HubContext,
  principal: Principal,
  name: string,
  input: { readonly certificate: string; readonly isVerified: boolean },
  precondition: Precondition,
): Promise<Resource> {
  demandOwner(principal);
  checkCertificateName(name);
  const pem = readCertificate(input.certificate);
  checkIsAuthority(pem);
  return context.store.transaction(null, (tx) => {
    const stored = read(tx, name);
    const etag = stored === undefined ? undefined : identityEtag(stored.etagNumber);
    if (stored === undefined && all(tx).length >= maxCertificates) {
      throw new HubError(
        "InvalidOperation",
        `The hub already has ${maxCertificates} certificates, its limit`,
      );
    }
    if (
      etag !== undefined &&
      (!meansExisting(precondition, etag) || !satisfies(precondition, etag))
    ) {
      throw new HubError(
        "PreconditionFailed",
        `Certificate ${name} exists and its etag is ${etag}`,
      );
    }
    if (stored?.isVerified === true && (stored.pem !== pem || !input.isVerified))
      tx.emit({ type: "authoritiesChanged", at: tx.now });
    return save(tx, {
      name,
      pem,
      isVerified: input.isVerified,
      verificationCode: null,
      etagNumber: (stored?.etagNumber ?? 0) + 1,
      created: stored?.created ?? tx.now,
      updated: tx.now,
    });
  });
}

export async function deleteCertificate(
  context: HubContext,
  principal: Principal,
  name: string,
  precondition: Precondition,
): Promise<void> {
  demandOwner(principal);
  await context.store.transaction(null, (tx) => {
    const stored = find(tx, name);
    checkEtag(stored, precondition);
    tx.deleteDocument(collection, name);
    if (stored.isVerified) tx.emit({ type: "authoritiesChanged", at: tx.now });
  });
}

/** Makes a new code for the proof of possession; an older one ends (spec/semantics §7.3). */
export async function generateVerificationCode(
  context: HubContext,
  principal: Principal,
  name: string,
  precondition: Precondition,
): Promise<Resource> {
  demandOwner(principal);
  const code = Buffer.from(context.random.base64(24), "base64").toString("hex").toUpperCase();
  return context.store.transaction(null, (tx) => {
    const stored = find(tx, name);
    checkEtag(stored, precondition);
    return save(tx, {
      ...stored,
      verificationCode: code,
      etagNumber: stored.etagNumber + 1,
      updated: tx.now,
    });
  });
}

/** Takes the proof: a certificate made out to the code and signed by the CA. */
export async function verifyCertificate(
  context: HubContext,
  principal: Principal,
  name: string,
  proof: string,
  precondition: Precondition,
): Promise<Resource> {
  demandOwner(principal);
  const certificate = new X509Certificate(readCertificate(proof));
  return context.store.transaction(null, (tx) => {
    const stored = find(tx, name);
    checkEtag(stored, precondition);
    if (stored.verificationCode === null)
      throw argumentInvalid(`Certificate ${name} has no verification code yet`);
    if (certificateSubject(certificate.raw).commonName !== stored.verificationCode) {
      throw argumentInvalid("The common name of the proof is not the newest verification code");
    }
    if (!signedBy(certificate, new X509Certificate(stored.pem))) {
      throw argumentInvalid(`The proof is not signed by certificate ${name}`);
    }
    const verified = { ...stored, isVerified: true, verificationCode: null };
    return save(tx, { ...verified, etagNumber: stored.etagNumber + 1, updated: tx.now });
  });
}

/** PEM of every CA that devices and modules may be signed by: the verified ones, and those of the configuration. */
export function currentAuthorities(context: HubContext, tx: HubReads): readonly string[] {
  const verified = all(tx).filter((authority) => authority.isVerified);
  return [...verified.map(({ pem }) => pem), ...context.settings.deviceAuthorities];
}

function all(tx: HubReads): CertificateAuthority[] {
  return tx.documents(collection).map(({ value }) => value as unknown as CertificateAuthority);
}

function read(tx: HubTx, name: string): CertificateAuthority | undefined {
  return tx.document(collection, name) as CertificateAuthority | undefined;
}

function find(tx: HubTx, name: string): CertificateAuthority {
  const found = read(tx, name);
  if (found === undefined)
    throw new HubError("GenericNotFound", `There is no certificate '${name.replaceAll(";", " ")}'`);
  return found;
}

function save(tx: HubTx, authority: CertificateAuthority): Resource {
  tx.putDocument(collection, authority.name, authority as unknown as JsonObject);
  return resource(authority);
}

function checkEtag(stored: CertificateAuthority, precondition: Precondition): void {
  const etag = identityEtag(stored.etagNumber);
  if (satisfies(precondition, etag)) return;
  throw new HubError(
    "PreconditionFailed",
    `The certificate's etag is ${etag}, not the one given in If-Match`,
  );
}

function resource(authority: CertificateAuthority): Resource {
  return { etag: identityEtag(authority.etagNumber), body: view(authority) };
}

/** The shape that Azure's management API gives (name, etag, properties). */
function view(authority: CertificateAuthority): JsonObject {
  const certificate = new X509Certificate(authority.pem);
  return {
    name: authority.name,
    etag: identityEtag(authority.etagNumber),
    properties: {
      subject: certificateSubject(certificate.raw).commonName,
      expiry: timeText(Date.parse(certificate.validTo)),
      thumbprint: thumbprints(certificate.raw).sha1,
      isVerified: authority.isVerified,
      created: timeText(authority.created),
      updated: timeText(authority.updated),
      certificate: authority.pem,
      ...(authority.verificationCode === null
        ? {}
        : { verificationCode: authority.verificationCode }),
    },
  };
}
