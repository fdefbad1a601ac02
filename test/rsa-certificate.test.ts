import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import tls from "node:tls";
import { describe, expect, it } from "vitest";
import { startHub, type TestHub } from "../src/testing/start-hub.ts";

const rsaOnly = "rsa_pss_rsae_sha256:rsa_pkcs1_sha256";

/** The kind of the key that a port shows to a client which knows no other than RSA; undefined if it has none. */
function rsaHandshake(hub: TestHub, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = tls.connect({ host: "127.0.0.1", port, ca: hub.caPem, sigalgs: rsaOnly }, () => {
      resolve(socket.getPeerX509Certificate()?.publicKey.asymmetricKeyType);
      socket.destroy();
    });
    socket.on("error", () => resolve(undefined));
  });
}

async function withHub(dataDir: string, work: (hub: TestHub) => Promise<void>): Promise<void> {
  const hub = await startHub({ dataDir });
  try {
    await work(hub);
  } finally {
    await hub.stop();
  }
}

describe("a client that knows RSA only", () => {
  it("is served on each port soon after the first start, and at once after the next", async () => {
    const directory = mkdtempSync(path.join(os.tmpdir(), "twinhub-rsa-"));
    const dataDir = path.join(directory, "data");
    try {
      await withHub(dataDir, async (hub) => {
        for (const port of Object.values(hub.ports)) {
          let kind: string | undefined;
          while (kind === undefined) kind = await rsaHandshake(hub, port);
          expect(kind).toBe("rsa");
        }
      });
      await withHub(dataDir, async (hub) => {
        for (const port of Object.values(hub.ports))
          expect(await rsaHandshake(hub, port)).toBe("rsa");
      });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it("is served after a hub that was stopped before its RSA key was made", async () => {
    const directory = mkdtempSync(path.join(os.tmpdir(), "twinhub-rsa-"));
    const dataDir = path.join(directory, "data");
    try {
      await withHub(dataDir, async () => undefined);
      await withHub(dataDir, async (hub) => {
        expect(await rsaHandshake(hub, hub.ports.mqtts)).toBe("rsa");
      });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
