// The baselines' certificate: made by the hub's own code, so that its kind (ECDSA P-256) is the same.
import { writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

/** The name that the baselines' certificate carries. */
export const BASELINE_NAME = "baseline.test";

/**
 * @param {string} dist the built package
 * @param {string} directory where the files go
 * @returns {Promise<{ ca: string, certFile: string, keyFile: string }>} `ca` is PEM
 */
export async function makeCertificates(dist, directory) {
  const module = path.join(dist, "tls", "server-certs.js");
  /** @type {typeof import("../src/tls/server-certs.ts")} */
  const { loadOrCreateTls } = await import(pathToFileURL(module).href);
  const { cert, key, caPem } = await loadOrCreateTls({
    directory: path.join(directory, "baseline-tls"),
    hostNames: [BASELINE_NAME],
    now: Date.now(),
    rsa: false,
  });
  const certFile = path.join(directory, "baseline-cert.pem");
  const keyFile = path.join(directory, "baseline-key.pem");
  writeFileSync(certFile, cert.join("\n"));
  writeFileSync(keyFile, key.join("\n"), { mode: 0o600 });
  return { ca: caPem, certFile, keyFile };
}
