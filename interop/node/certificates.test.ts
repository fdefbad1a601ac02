import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import device from "azure-iot-device";
import type { Client } from "azure-iot-device";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startHub } from "../../src/testing/index.ts";
import { certified } from "./certificate.ts";
import type { Certified } from "./certificate.ts";
import { noRetry, protocols, registryOf, report, transports, trust } from "./support.ts";
import type { Protocol } from "./support.ts";

let hub: Awaited<ReturnType<typeof startHub>>;
let authority: Certified;
let folder: string;
const clients: Client[] = [];

beforeAll(async () => {
  authority = certified("plant authority");
  folder = await mkdtemp(path.join(tmpdir(), "twinhub-x509-"));
  const deviceCa = path.join(folder, "ca.pem");
  await writeFile(deviceCa, authority.certPem);
  hub = await startHub({ ports: "standard", deviceCaFiles: [deviceCa] });
  trust(hub);
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map(async (client) => client.close()));
});
afterAll(async () => {
  await hub.stop();
  await rm(folder, { recursive: true, force: true });
});

describe.each(protocols)("a device with a certificate over %s", (protocol) => {
  it("connects if the thumbprint is the registered one, primary or secondary", async () => {
    const deviceId = `self-signed-${protocol}`;
    const [first, second] = [certified(deviceId), certified(deviceId)];
    await registerThumbprints(deviceId, first.thumbprint, second.thumbprint);
    for (const own of [first, second]) {
      const client = await clientWith(deviceId, own, protocol);
      await client.open();
      const twin = await client.getTwin();
      await report(twin, { certified: true });
      await client.close();
    }
    const { properties } = (await registryOf(hub).getTwin(deviceId)).responseBody;
    expect(properties.reported).toMatchObject({ certified: true, $version: 3 });
  });

  it("is refused if the thumbprint is another one", async () => {
    const deviceId = `stranger-${protocol}`;
    const own = certified(deviceId);
    await registerThumbprints(deviceId, own.thumbprint, own.thumbprint);
    const client = await clientWith(deviceId, certified(deviceId), protocol);
    await expect(use(client)).rejects.toMatchObject({ name: "UnauthorizedError" });
  });

  it("connects if an accepted authority has signed it for the device's name, and not for another's", async () => {
    const deviceId = `signed-${protocol}`;
    await registryOf(hub).create({
      deviceId,
      authentication: { type: "certificateAuthority" },
    });
    const client = await clientWith(deviceId, certified(deviceId, authority), protocol);
    await client.open();
    expect((await client.getTwin()).properties.desired).toEqual({ $version: 1 });

    const impostor = await clientWith(deviceId, certified("other", authority), protocol);
    await expect(use(impostor)).rejects.toMatchObject({ name: "UnauthorizedError" });
    const foreign = certified("foreign authority");
    const forged = await clientWith(deviceId, certified(deviceId, foreign), protocol);
    await expect(use(forged)).rejects.toMatchObject({ name: "UnauthorizedError" });
  });
});

/** Over AMQP the certificate alone says nothing: the first link names the device (spec/amqp §16.1). */
async function use(client: Client): Promise<void> {
  await client.open();
  await client.getTwin();
}

async function registerThumbprints(
  deviceId: string,
  primaryThumbprint: string,
  secondaryThumbprint: string,
): Promise<void> {
  const authentication = { x509Thumbprint: { primaryThumbprint, secondaryThumbprint } };
  await registryOf(hub).create({ deviceId, authentication });
}

async function clientWith(deviceId: string, own: Certified, protocol: Protocol): Promise<Client> {
  const connectionString = `HostName=${hub.hostName};DeviceId=${deviceId};x509=true`;
  const client = device.Client.fromConnectionString(connectionString, transports[protocol]);
  client.setRetryPolicy(noRetry);
  await client.setOptions({
    ca: hub.caPem,
    cert: own.certPem,
    key: own.keyPem,
  });
  clients.push(client);
  return client;
}
