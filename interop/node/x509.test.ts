import { type RequestOptions, request } from "node:https";
import device from "azure-iot-device";
import type { Client, ModuleClient } from "azure-iot-device";
import deviceHttp from "azure-iot-device-http";
import { X509AuthenticationProvider } from "azure-iot-device/dist/x509_authentication_provider.js";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startHub } from "../../src/testing/index.ts";
import { type TestCertificate, makeCertificate } from "../../test/support/certificates.ts";
import { noRetry, transports, trust } from "./support.ts";

const protocols = { ...transports, https: deviceHttp.Http } as const;
type Protocol = keyof typeof protocols;

let hub: Awaited<ReturnType<typeof startHub>>;
let root: TestCertificate;
let plant: TestCertificate;
const clients: (Client | ModuleClient)[] = [];

beforeAll(async () => {
  root = makeCertificate("root", { authority: true });
  plant = makeCertificate("plant", { authority: true, issuer: root });
  hub = await startHub({ ports: "standard", partitions: 1 });
  trust(hub);
  const body = { certificate: root.certPem, isVerified: true };
  await hub.call("PUT", "/$hub/certificates/root", body);
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map(async (client) => client.close()));
});
afterAll(async () => hub.stop());

interface Identity {
  readonly deviceId: string;
  readonly moduleId?: string;
}

let count = 0;

/** A new device or module with this `authentication`; its own certificate would name `commonName`. */
async function register(
  kind: "device" | "module",
  authentication: object,
): Promise<Identity & { readonly commonName: string }> {
  const deviceId = `x${++count}`;
  const path = `/devices/${deviceId}`;
  if (kind === "device") {
    await hub.call("PUT", path, { authentication });
    return { deviceId, commonName: deviceId };
  }
  await hub.call("PUT", path, {});
  await hub.call("PUT", `${path}/modules/m1`, { authentication });
  return { deviceId, moduleId: "m1", commonName: `${deviceId}/m1` };
}

function clientOf(
  { deviceId, moduleId }: Identity,
  protocol: Protocol,
  own: TestCertificate,
  chain: readonly TestCertificate[],
): Promise<Client | ModuleClient> {
  const cert = [own, ...chain].map(({ certPem }) => certPem).join("\n");
  const x509 = { cert, key: own.keyPem };
  if (moduleId === undefined) {
    const text = `HostName=${hub.hostName};DeviceId=${deviceId};x509=true`;
    return prepared(device.Client.fromConnectionString(text, protocols[protocol]), x509);
  }
  // ModuleClient takes no connection string with x509, but any provider of credentials.
  const provider = new X509AuthenticationProvider({ host: hub.hostName, deviceId, moduleId, x509 });
  return prepared(
    device.ModuleClient.fromAuthenticationProvider(provider, protocols[protocol]),
    x509,
  );
}

async function prepared<T extends Client | ModuleClient>(client: T, x509: object): Promise<T> {
  client.setRetryPolicy(noRetry);
  const options = { ca: hub.caPem, ...x509, http: { receivePolicy: { interval: 10 } } };
  await client.setOptions(options);
  clients.push(client);
  return client;
}

/** Sends telemetry as this identity: with the SDK, and a module over HTTPS by itself, since its client has no HTTPS. */
async function sends(
  identity: Identity,
  protocol: Protocol,
  own: TestCertificate,
  chain: readonly TestCertificate[] = [],
): Promise<boolean> {
  if (identity.moduleId !== undefined && protocol === "https")
    return (await post(identity, own, chain)) === 204;
  const client = await clientOf(identity, protocol, own, chain);
  try {
    await client.open();
    await client.sendEvent(new device.Message("x"));
    return true;
  } catch (error) {
    expect(error).toMatchObject({ name: "UnauthorizedError" });
    return false;
  }
}

function post(
  { deviceId, moduleId }: Identity,
  own: TestCertificate,
  chain: readonly TestCertificate[],
): Promise<number | undefined> {
  const module = moduleId === undefined ? "" : `/modules/${moduleId}`;
  const options: RequestOptions = {
    host: hub.hostName,
    method: "POST",
    path: `/devices/${deviceId}${module}/messages/events?api-version=2021-04-12`,
    ca: hub.caPem,
    cert: [own, ...chain].map(({ certPem }) => certPem).join("\n"),
    key: own.keyPem,
    agent: false,
  };
  return new Promise((resolve, reject) => {
    const sent = request(options, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode));
    });
    sent.on("error", reject);
    sent.end("x");
  });
}

const past = {
  notBefore: new Date(Date.now() - 2_000_000),
  notAfter: new Date(Date.now() - 1_000_000),
};

describe.each(
  (["device", "module"] as const).flatMap((kind) =>
    (Object.keys(protocols) as Protocol[]).map((protocol) => [kind, protocol] as const),
  ),
)("a %s with a certificate over %s", (kind, protocol) => {
  it.each([
    ["SHA-1", "primary", "sha1"],
    ["SHA-256", "primary", "sha256"],
    ["SHA-1", "secondary", "sha1"],
    ["SHA-256", "secondary", "sha256"],
  ] as const)("is known by the %s of its %s certificate", async (_hash, which, digest) => {
    const own = makeCertificate("anything");
    const x509Thumbprint =
      which === "primary"
        ? { primaryThumbprint: own[digest].toLowerCase() }
        : { primaryThumbprint: makeCertificate("x")[digest], secondaryThumbprint: own[digest] };
    const identity = await register(kind, { type: "selfSigned", x509Thumbprint });
    expect(await sends(identity, protocol, own)).toBe(true);
    expect(await sends(identity, protocol, makeCertificate("anything"))).toBe(false);
  });

  it("is refused with an expired one", async () => {
    const own = makeCertificate("anything", past);
    const x509Thumbprint = { primaryThumbprint: own.sha256 };
    const identity = await register(kind, { type: "selfSigned", x509Thumbprint });
    expect(await sends(identity, protocol, own)).toBe(false);
  });

  it("is known by a registered CA, over an intermediate too, under its own name only", async () => {
    const identity = await register(kind, { type: "certificateAuthority" });
    const { commonName } = identity;
    expect(await sends(identity, protocol, makeCertificate(commonName, { issuer: root }))).toBe(
      true,
    );
    const below = makeCertificate(commonName, { issuer: plant });
    expect(await sends(identity, protocol, below, [plant])).toBe(true);
    expect(await sends(identity, protocol, below)).toBe(false);
    for (const own of [
      makeCertificate("other", { issuer: root }),
      makeCertificate(commonName.toUpperCase(), { issuer: root }),
      makeCertificate(commonName, { issuer: root, ...past }),
      makeCertificate(commonName, { issuer: makeCertificate("root", { authority: true }) }),
      makeCertificate(commonName),
    ])
      expect(await sends(identity, protocol, own)).toBe(false);
  });

  it("is refused if the hub expects keys, and while the device is disabled", async () => {
    const own = makeCertificate("anything");
    const withKeys = await register(kind, { type: "sas" });
    expect(await sends(withKeys, protocol, own)).toBe(false);
    const x509Thumbprint = { primaryThumbprint: own.sha256 };
    const identity = await register(kind, { type: "selfSigned", x509Thumbprint });
    const path = `/devices/${identity.deviceId}`;
    await hub.call("PUT", path, { status: "disabled" }, { "if-match": "*" });
    const client = await sends(identity, protocol, own).catch((error: unknown) => error);
    expect(client).not.toBe(true);
  });
});

describe("a device's certificate over HTTPS", () => {
  it("manages the device's own modules and nobody else's", async () => {
    const own = makeCertificate("anything");
    const x509Thumbprint = { primaryThumbprint: own.sha256 };
    const { deviceId } = await register("device", { type: "selfSigned", x509Thumbprint });
    const other = await register("device", { type: "sas" });
    const call = (method: string, id: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const options: RequestOptions = {
          host: hub.hostName,
          method,
          path: `/devices/${id}/modules/m1?api-version=2021-04-12`,
          ca: hub.caPem,
          cert: own.certPem,
          key: own.keyPem,
          agent: false,
        };
        const sent = request(options, (response) => {
          response.resume();
          response.on("end", () => resolve(response.statusCode));
        });
        sent.on("error", reject);
        sent.end(method === "PUT" ? JSON.stringify({ deviceId: id, moduleId: "m1" }) : undefined);
      });
    expect(await call("PUT", deviceId)).toBe(201);
    expect(await call("GET", deviceId)).toBe(200);
    expect(await call("PUT", other.deviceId)).toBe(401);
    expect(await call("DELETE", deviceId)).toBe(204);
  });
});
