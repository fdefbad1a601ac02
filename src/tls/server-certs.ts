import { X509Certificate, createPrivateKey, generateKeyPair } from "node:crypto";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { type Authority, alternativeNames, issueServerCertificate } from "./certificate.ts";
import { makePrivateDirectory, readIfThere, writeAtomically } from "./files.ts";
import {
  authorityFileName,
  clockTolerance,
  createAuthority,
  loadOrCreateAuthority,
  newEcdsaKey,
} from "./local-ca.ts";
import { certificateNames } from "./names.ts";
import { type OwnCertificate, loadOwnCertificate } from "./own-certificate.ts";

const dayInMilliseconds = 86_400_000;

/** A server certificate's life; clients of some makers refuse more than 825 days. */
export const serverCertificateLifetime = 820 * dayInMilliseconds;

/** A certificate with less than this left is issued anew at start. */
export const renewalMargin = 30 * dayInMilliseconds;

/** What `tls.createServer` and `https.createServer` take as `key` and `cert`, and what clients must trust. */
export interface ServerTls {
  /** PEM, PKCS #8; the same order as `cert`. OpenSSL chooses the pair that suits the client. */
  readonly key: string[];
  /** PEM, the server's certificate first. */
  readonly cert: string[];
  /** PEM of the CA to trust; "" for an own certificate that does not hold its root. */
  readonly caPem: string;
  /** Where that PEM is; `null` when it is in memory only. */
  readonly caFile: string | null;
  /** Host names and addresses that the certificate is for. */
  readonly names: readonly string[];
  /** When the first of the certificates ends: milliseconds since 1970. */
  readonly expires: number;
  /**
   * At the first start only: makes the RSA certificate, too, whose key takes up to a second of a core; to be called
   * once. Nobody can miss it yet, since nobody has the CA. Rejects with what the file system says if the key can't be
   * written.
   */
  readonly complete?: (() => Promise<ServerTls>) | undefined;
}

export interface TlsOptions {
  /** Holds the CA and the server's keys; made if needed. `null`: in memory, shared by the hubs of this process. */
  readonly directory: string | null;
  /** Host names and listening addresses beyond the loopback ones and the machine's name. */
  readonly hostNames: readonly string[];
  /** Milliseconds since 1970: real time, because clients check against theirs. */
  readonly now: number;
  /** A certificate from elsewhere instead of the local CA's. */
  readonly own?: OwnCertificate | undefined;
  /** Whether there is an RSA certificate beside the ECDSA one; by default only with a directory. */
  readonly rsa?: boolean | undefined;
}

/**
 * The hub's server certificates: ECDSA on P-256 and RSA with 2048 bits, both signed by a local CA that is made at
 * the first start and kept (spec/mqtt §1.1). Server certificates are issued anew when the names change or less
 * than `renewalMargin` is left.
 *
 * Throws `TlsError`, with one line that says what to do.
 */
export async function loadOrCreateTls(options: TlsOptions): Promise<ServerTls> {
  if (options.own !== undefined) return loadOwnCertificate(options.own, options.now);
  const names = certificateNames(options.hostNames, os.hostname());
  return options.directory === null
    ? inMemory(names, options.now, options.rsa ?? false)
    : inDirectory(options.directory, names, options.now, options.rsa ?? true);
}

interface KeyAndCertificate {
  readonly key: string;
  readonly cert: string;
}

type KeyKind = "ecdsa" | "rsa";

async function inDirectory(
  directory: string,
  names: readonly string[],
  now: number,
  rsa: boolean,
): Promise<ServerTls> {
  makePrivateDirectory(directory);
  const caFile = path.join(directory, authorityFileName);
  const isFirstStart = readIfThere(caFile) === undefined;
  const authority = loadOrCreateAuthority(directory, now);
  const pair = (kind: KeyKind) => loadOrIssue(directory, kind, authority, names, now);
  if (!rsa) return serverTls([await pair("ecdsa")], authority, caFile, names);
  const ecdsa = await pair("ecdsa");
  const complete = async () => serverTls([ecdsa, await pair("rsa")], authority, caFile, names);
  if (!isFirstStart) return complete();
  return { ...serverTls([ecdsa], authority, caFile, names), complete };
}

/** The directory's key and certificate of one kind, made if they are not there or may not go on. */
async function loadOrIssue(
  directory: string,
  kind: KeyKind,
  authority: Authority,
  names: readonly string[],
  now: number,
): Promise<KeyAndCertificate> {
  const file = path.join(directory, `server-${kind}.pem`);
  const kept = readPair(readIfThere(file), authority, names, now);
  if (kept !== undefined) return kept;
  const pair = issue(authority, await newKey(kind), names, now);
  // Key and certificate share one file: they can then never be found apart.
  writeAtomically(file, pair.key + pair.cert, 0o600);
  return pair;
}

/** A pair that may go on: readable, of this authority, for exactly these names, and with enough time left. */
function readPair(
  text: string | undefined,
  authority: Authority,
  names: readonly string[],
  now: number,
): KeyAndCertificate | undefined {
  const start = text?.indexOf("-----BEGIN CERTIFICATE-----") ?? -1;
  if (text === undefined || start < 0) return undefined;
  const pair = { key: text.slice(0, start), cert: text.slice(start) };
  try {
    const certificate = new X509Certificate(pair.cert);
    const good =
      certificate.verify(new X509Certificate(authority.certificatePem).publicKey) &&
      certificate.checkPrivateKey(createPrivateKey(pair.key)) &&
      certificate.raw.includes(alternativeNames(names)) &&
      Date.parse(certificate.validTo) - now >= renewalMargin;
    return good ? pair : undefined;
  } catch {
    // A damaged file is as good as none: its content can be made again.
    return undefined;
  }
}

function issue(
  authority: Authority,
  key: string,
  names: readonly string[],
  now: number,
): KeyAndCertificate {
  const notAfter = Math.min(
    now + serverCertificateLifetime,
    Date.parse(new X509Certificate(authority.certificatePem).validTo),
  );
  const validity = { notBefore: now - clockTolerance, notAfter };
  return { key, cert: issueServerCertificate(authority, key, names, validity) };
}

async function newKey(kind: KeyKind): Promise<string> {
  switch (kind) {
    case "ecdsa":
      return newEcdsaKey();
    case "rsa": {
      // On a thread of the pool: it takes up to a second.
      const pair = await promisify(generateKeyPair)("rsa", {
        modulusLength: 2048,
        privateKeyEncoding: { type: "pkcs8", format: "pem" },
        publicKeyEncoding: { type: "spki", format: "pem" },
      });
      return pair.privateKey;
    }
  }
}

function serverTls(
  pairs: readonly KeyAndCertificate[],
  authority: Authority,
  caFile: string | null,
  names: readonly string[],
): ServerTls {
  const ends = pairs.map((pair) => Date.parse(new X509Certificate(pair.cert).validTo));
  return {
    key: pairs.map((pair) => pair.key),
    cert: pairs.map((pair) => pair.cert),
    caPem: authority.certificatePem,
    caFile,
    names,
    expires: Math.min(...ends),
  };
}

/** At most this many sets of names are remembered in one process. */
const maxRemembered = 32;

let sharedAuthority: { readonly authority: Authority; readonly madeAt: number } | undefined;
const remembered = new Map<string, Promise<ServerTls>>();

/** One CA per process, and one key and certificate per set of names: a test may start a hundred hubs. */
function inMemory(names: readonly string[], now: number, rsa: boolean): Promise<ServerTls> {
  const age = sharedAuthority === undefined ? Infinity : Math.abs(now - sharedAuthority.madeAt);
  if (sharedAuthority === undefined || age > renewalMargin) {
    sharedAuthority = { authority: createAuthority(now), madeAt: now };
    remembered.clear();
  }
  const { authority } = sharedAuthority;
  const id = JSON.stringify([rsa, ...names]);
  const known = remembered.get(id);
  if (known !== undefined) return known;
  if (remembered.size >= maxRemembered) remembered.clear();
  const made = makeInMemory(authority, names, now, rsa);
  remembered.set(id, made);
  return made;
}

async function makeInMemory(
  authority: Authority,
  names: readonly string[],
  now: number,
  rsa: boolean,
): Promise<ServerTls> {
  const kinds: readonly KeyKind[] = rsa ? ["ecdsa", "rsa"] : ["ecdsa"];
  const keys = await Promise.all(kinds.map(newKey));
  return serverTls(
    keys.map((key) => issue(authority, key, names, now)),
    authority,
    null,
    names,
  );
}
