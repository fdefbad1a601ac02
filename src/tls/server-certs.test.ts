import { X509Certificate } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import tls from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { type ServerTls, loadOrCreateTls, renewalMargin } from "./server-certs.ts";
import { TlsError } from "./tls-error.ts";

const day = 86_400_000;
const directories: string[] = [];

function newDirectory(): string {
  const directory = mkdtempSync(path.join(os.tmpdir(), "twinhub-tls-"));
  directories.push(directory);
  return directory;
}

afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

interface Handshake {
  readonly protocol: string | null;
  readonly keyType: string | undefined;
}

/** A directory's certificates once all of them are there. */
async function complete(options: Parameters<typeof loadOrCreateTls>[0]): Promise<ServerTls> {
  const server = await loadOrCreateTls(options);
  return server.complete?.() ?? server;
}

/** A real handshake with a server that uses these certificates as the hub does. */
async function handshake(
  server: ServerTls,
  client: tls.ConnectionOptions & { readonly dial?: string },
): Promise<Handshake> {
  const listener = tls.createServer({
    key: server.key,
    cert: server.cert,
    minVersion: "TLSv1.2",
    requestCert: true,
    rejectUnauthorized: false,
  });
  listener.on("tlsClientError", () => undefined);
  const { dial = "127.0.0.1", ...options } = client;
  await new Promise<void>((resolve) => listener.listen(0, dial, resolve));
  const { port } = listener.address() as AddressInfo;
  try {
    return await new Promise((resolve, reject) => {
      const socket = tls.connect({ host: dial, port, ca: server.caPem, ...options }, () => {
        const raw = socket.getPeerX509Certificate();
        resolve({
          protocol: socket.getProtocol(),
          keyType: raw?.publicKey.asymmetricKeyType,
        });
        socket.destroy();
      });
      socket.on("error", reject);
    });
  } finally {
    await new Promise((resolve) => listener.close(resolve));
  }
}

function validity(pem: string | undefined): { from: number; to: number } {
  const certificate = new X509Certificate(pem ?? "");
  return { from: Date.parse(certificate.validFrom), to: Date.parse(certificate.validTo) };
}

describe("the hub's certificates in a directory", () => {
  const rsaOnly = "rsa_pss_rsae_sha256:rsa_pkcs1_sha256";

  it("serve ECDSA to clients that know it and RSA to those that know only that, over TLS 1.2 and 1.3", async () => {
    const server = await complete({
      directory: newDirectory(),
      hostNames: ["hub.example.test"],
      now: Date.now(),
    });
    const connect = (options: tls.ConnectionOptions): Promise<Handshake> =>
      handshake(server, { servername: "hub.example.test", ...options });

    expect(await connect({ maxVersion: "TLSv1.3" })).toEqual({
      protocol: "TLSv1.3",
      keyType: "ec",
    });
    expect(
      await connect({ maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" }),
    ).toEqual({ protocol: "TLSv1.2", keyType: "ec" });
    expect(await connect({ minVersion: "TLSv1.3", sigalgs: rsaOnly })).toEqual({
      protocol: "TLSv1.3",
      keyType: "rsa",
    });
    expect(
      await connect({ maxVersion: "TLSv1.2", ciphers: "ECDHE-RSA-AES128-GCM-SHA256" }),
    ).toEqual({ protocol: "TLSv1.2", keyType: "rsa" });
  });

  it("hold for every given name, for localhost, for the machine's name and for both loopback addresses", async () => {
    const server = await complete({
      directory: newDirectory(),
      hostNames: ["Hub.Example.test", "10.1.2.3"],
      now: Date.now(),
    });

    expect(server.names.slice(0, 5)).toEqual([
      "hub.example.test",
      "10.1.2.3",
      "127.0.0.1",
      "::1",
      "localhost",
    ]);
    for (const cert of server.cert) {
      const certificate = new X509Certificate(cert);
      for (const name of server.names)
        expect(certificate.checkHost(name) ?? certificate.checkIP(name), name).toBeDefined();
    }
    expect((await handshake(server, { servername: "localhost" })).protocol).toBe("TLSv1.3");
    expect((await handshake(server, { servername: "" })).protocol).toBe("TLSv1.3");
    await expect(handshake(server, { servername: "other.example.test" })).rejects.toThrow(
      /does not match/,
    );
  });

  it("begin with the ECDSA one at the first start, before the key of the other is made", async () => {
    const options = { directory: newDirectory(), hostNames: [], now: Date.now() };
    const first = await loadOrCreateTls(options);
    const all = await first.complete?.();
    const again = await loadOrCreateTls(options);

    expect(first.cert).toHaveLength(1);
    expect((await handshake(first, {})).keyType).toBe("ec");
    await expect(handshake(first, { sigalgs: rsaOnly })).rejects.toThrow(/handshake failure/);
    expect(all?.cert).toEqual([...first.cert, all?.cert[1]]);
    expect(all?.caPem).toBe(first.caPem);
    expect(again).toEqual(all);
    expect(again.complete).toBeUndefined();
  });

  it("are refused by a client that does not know the CA", async () => {
    const server = await complete({
      directory: newDirectory(),
      hostNames: [],
      now: Date.now(),
    });

    await expect(handshake(server, { ca: [] })).rejects.toThrow(/unable to verify|self-signed/);
  });

  it("are the same after a restart", async () => {
    const options = { directory: newDirectory(), hostNames: ["a.test"], now: Date.now() };

    const first = await complete(options);
    const second = await complete(options);

    expect(second).toEqual(first);
  });

  it("are issued anew by the same CA when a name is added or removed", async () => {
    const directory = newDirectory();
    const now = Date.now();

    const one = await complete({ directory, hostNames: ["a.test"], now });
    const two = await complete({ directory, hostNames: ["a.test", "b.test"], now });
    const three = await complete({ directory, hostNames: ["a.test"], now });

    expect(two.caPem).toBe(one.caPem);
    expect(new Set([...one.cert, ...two.cert, ...three.cert]).size).toBe(6);
    expect((await handshake(two, { servername: "b.test" })).protocol).toBe("TLSv1.3");
    await expect(handshake(three, { servername: "b.test" })).rejects.toThrow(/does not match/);
  });

  it("are issued anew by the same CA when less than 30 days are left, and not before", async () => {
    const directory = newDirectory();
    const now = Date.now();
    const first = await complete({ directory, hostNames: [], now });

    const inTime = await complete({
      directory,
      hostNames: [],
      now: first.expires - renewalMargin,
    });
    const late = await complete({
      directory,
      hostNames: [],
      now: first.expires - renewalMargin + 1,
    });

    expect(inTime.cert).toEqual(first.cert);
    expect(late.caPem).toBe(first.caPem);
    expect(late.cert).not.toEqual(first.cert);
    expect(late.expires).toBeGreaterThan(first.expires);
  });

  it("come from a CA that is good for ten years and may sign end certificates only", async () => {
    const now = Date.now();
    const server = await complete({ directory: newDirectory(), hostNames: [], now });
    const { from, to } = validity(server.caPem);

    expect(new X509Certificate(server.caPem).ca).toBe(true);
    expect(from).toBeLessThan(now);
    expect(Math.round((to - now) / day)).toBe(3650);
    for (const cert of server.cert) {
      expect(new X509Certificate(cert).ca).toBe(false);
      expect(Math.round((validity(cert).to - now) / day)).toBe(820);
    }
  });

  it("lie in a private directory, with private keys readable by the owner only", async () => {
    const directory = path.join(newDirectory(), "new", "tls");
    const server = await complete({ directory, hostNames: [], now: Date.now() });
    const mode = (name: string): string =>
      (statSync(path.join(directory, name)).mode & 0o777).toString(8);

    expect(mode(".")).toBe("700");
    expect(mode("ca.pem")).toBe("644");
    expect(mode("ca-key.pem")).toBe("600");
    expect(mode("server-ecdsa.pem")).toBe("600");
    expect(mode("server-rsa.pem")).toBe("600");
    expect(server.caFile).toBe(path.join(directory, "ca.pem"));
    expect(readFileSync(path.join(directory, "ca.pem"), "utf8")).toBe(server.caPem);
  });

  it("are made again when their file is damaged, by the same CA", async () => {
    const directory = newDirectory();
    const options = { directory, hostNames: [], now: Date.now() };
    const first = await complete(options);
    writeFileSync(path.join(directory, "server-ecdsa.pem"), first.key[0]?.slice(0, 99) ?? "");
    writeFileSync(
      path.join(directory, "server-rsa.pem"),
      `${first.key[0] ?? ""}${first.cert[1] ?? ""}`,
    );

    const second = await complete(options);

    expect(second.caPem).toBe(first.caPem);
    expect((await handshake(second, {})).keyType).toBe("ec");
    expect((await handshake(second, { sigalgs: rsaOnly })).keyType).toBe("rsa");
  });

  it("are refused with one line when the CA is damaged, incomplete or over, and it is left alone", async () => {
    const directory = newDirectory();
    const options = { directory, hostNames: [], now: Date.now() };
    const { caPem } = await complete(options);
    const other = await complete({ ...options, directory: newDirectory() });
    const keyFile = path.join(directory, "ca-key.pem");
    const key = readFileSync(keyFile, "utf8");
    const broken = async (): Promise<string> => {
      const error: unknown = await complete(options).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(TlsError);
      const { message } = error as TlsError;
      expect(message).not.toContain("\n");
      return message;
    };

    writeFileSync(keyFile, "nothing");
    expect(await broken()).toMatch(/ca-key\.pem cannot be read: restore it, or delete .*ca\.pem/);
    writeFileSync(keyFile, other.key[0] ?? "");
    expect(await broken()).toMatch(/ca-key\.pem does not belong to/);
    rmSync(keyFile);
    expect(await broken()).toMatch(/ca-key\.pem is missing/);
    writeFileSync(keyFile, key);
    await expect(loadOrCreateTls({ ...options, now: Date.now() + 3651 * day })).rejects.toThrow(
      /expired on/,
    );
    expect((await complete(options)).caPem).toBe(caPem);
  });

  it("are refused with one line when the directory is a file", async () => {
    const directory = path.join(newDirectory(), "file");
    writeFileSync(directory, "");

    await expect(loadOrCreateTls({ directory, hostNames: [], now: Date.now() })).rejects.toThrow(
      /cannot be made \(EEXIST\)/,
    );
  });
});

describe("the hub's certificates in memory", () => {
  it("share one CA, and one certificate for the same names", async () => {
    const now = Date.now();

    const one = await loadOrCreateTls({ directory: null, hostNames: ["a.test"], now });
    const same = await loadOrCreateTls({ directory: null, hostNames: ["a.test"], now: now + 5 });
    const other = await loadOrCreateTls({ directory: null, hostNames: ["b.test"], now });

    expect(same).toBe(one);
    expect(other.caPem).toBe(one.caPem);
    expect(other.cert).not.toEqual(one.cert);
    expect(one.caFile).toBeNull();
    expect((await handshake(other, { servername: "b.test" })).keyType).toBe("ec");
  });

  it("hold an RSA certificate only if asked", async () => {
    const now = Date.now();

    const plain = await loadOrCreateTls({ directory: null, hostNames: [], now });
    const both = await loadOrCreateTls({ directory: null, hostNames: [], now, rsa: true });

    expect(plain.cert).toHaveLength(1);
    expect(both.cert.map((cert) => new X509Certificate(cert).publicKey.asymmetricKeyType)).toEqual([
      "ec",
      "rsa",
    ]);
  });
});

describe("a certificate from elsewhere", () => {
  async function ownFiles(): Promise<{ certFile: string; keyFile: string; made: ServerTls }> {
    const directory = newDirectory();
    const made = await loadOrCreateTls({
      directory: null,
      hostNames: ["own.test"],
      now: Date.now(),
    });
    const certFile = path.join(directory, "own.pem");
    const keyFile = path.join(directory, "own-key.pem");
    writeFileSync(certFile, (made.cert[0] ?? "") + made.caPem);
    writeFileSync(keyFile, made.key[0] ?? "");
    return { certFile, keyFile, made };
  }

  const load = (certFile: string, keyFile: string, now = Date.now()): Promise<ServerTls> =>
    loadOrCreateTls({ directory: null, hostNames: [], now, own: { certFile, keyFile } });

  it("is served with its chain, and its root is the CA to trust", async () => {
    const { certFile, keyFile, made } = await ownFiles();

    const server = await load(certFile, keyFile);

    expect(server.caPem).toBe(made.caPem);
    expect(server.caFile).toBe(certFile);
    expect(server.names).toContain("own.test");
    expect((await handshake(server, { servername: "own.test" })).protocol).toBe("TLSv1.3");
  });

  it("names no CA when the file does not hold the root", async () => {
    const { certFile, keyFile, made } = await ownFiles();
    writeFileSync(certFile, made.cert[0] ?? "");

    expect(await load(certFile, keyFile)).toMatchObject({ caPem: "", caFile: null });
  });

  it("is refused with one line when a file is missing, damaged, foreign or over", async () => {
    const { certFile, keyFile, made } = await ownFiles();
    const foreign = await loadOrCreateTls({
      directory: null,
      hostNames: ["foreign.test"],
      now: Date.now(),
    });

    await expect(load(`${certFile}x`, keyFile)).rejects.toThrow(/own\.pemx does not exist$/);
    await expect(load(keyFile, keyFile)).rejects.toThrow(/holds no certificate in PEM/);
    await expect(load(certFile, certFile)).rejects.toThrow(/holds no private key in PEM/);
    await expect(load(certFile, keyFile, made.expires)).rejects.toThrow(/expired on/);
    writeFileSync(keyFile, foreign.key[0] ?? "");
    await expect(load(certFile, keyFile)).rejects.toThrow(/does not belong to the first/);
    writeFileSync(certFile, (made.cert[0] ?? "").replace(/MII.{20}/, "AAAA"));
    await expect(load(certFile, keyFile)).rejects.toThrow(/cannot be read/);
    chmodSync(certFile, 0o600);
  });
});
