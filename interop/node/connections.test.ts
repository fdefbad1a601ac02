import { describe, expect, it } from "vitest";
import device from "azure-iot-device";
import iothub from "azure-iothub";
import { startHub } from "../../src/testing/index.ts";
import { hubOfFile } from "./hub.ts";
import {
  clientOf,
  clientWithToken,
  closeClients,
  inSeconds,
  kinds,
  once,
  openClient,
  protocols,
  register,
  registryOf,
  subjectOf,
  trust,
  watch,
} from "./support.ts";
import type { Subject } from "./support.ts";

const hub = await hubOfFile();

const unauthorized = { name: "UnauthorizedError" };

describe.each(kinds)("a %s connects with the SDK", (kind) => {
  it.each(protocols)("over %s with its primary or its secondary key", async (protocol) => {
    const subject = await register(hub, kind);
    for (const key of [subject.primaryKey, subject.secondaryKey]) {
      const connectionString = subject.connectionString(key);
      const client = await openClient(hub, subject, { protocol, connectionString });
      expect((await client.getTwin()).properties.desired).toEqual({ $version: 1 });
      await client.close();
    }
  });

  it("and is shown as connected while it is", async () => {
    const subject = await register(hub, kind);
    const client = await openClient(hub, subject);
    await client.getTwin();
    expect(await connectionState(subject)).toBe("Connected");
    await client.close();
    await expect.poll(() => connectionState(subject)).toBe("Disconnected");
  });

  it("but not with the key of another identity, or an invented one", async () => {
    const subject = await register(hub, kind);
    const other = await register(hub, kind);
    for (const key of [other.primaryKey, Buffer.alloc(32, 7).toString("base64")]) {
      const connectionString = subject.connectionString(key);
      const client = await clientOf(hub, subject, { connectionString });
      await expect(client.open()).rejects.toMatchObject(unauthorized);
    }
  });

  it("but not if it was never registered", async () => {
    const subject = await register(hub, kind);
    const text = subject.connectionString();
    const connectionString =
      kind === "device"
        ? text.replace(subject.deviceId, "nobody")
        : text.replace("ModuleId=m1", "ModuleId=nobody");
    const client = await clientOf(hub, subject, { connectionString });
    await expect(client.open()).rejects.toMatchObject(unauthorized);
  });

  it("with a token of its own, but not with an expired one", async () => {
    const subject = await register(hub, kind);
    const fresh = await clientWithToken(hub, subject, tokenOf(subject, inSeconds(3600)));
    await fresh.open();
    expect((await fresh.getTwin()).properties.desired).toEqual({ $version: 1 });
    const late = await clientWithToken(hub, subject, tokenOf(subject, inSeconds(-24 * 3600)));
    await expect(late.open()).rejects.toMatchObject(unauthorized);
  });

  it("and a second client of the same identity ends the first", async () => {
    const subject = await register(hub, kind);
    const first = await openClient(hub, subject);
    await first.getTwin();
    const firstEnded = once(first, "disconnect");
    const second = await openClient(hub, subject);
    const { changes } = await watch(second);
    await firstEnded;
    await subject.desired({ a: 1 });
    expect(await changes.next()).toEqual({ a: 1, $version: 2 });
    expect(await connectionState(subject)).toBe("Connected");
  });

  it("and hears of desired changes after it was cut off and came back by itself", async () => {
    const subject = await register(hub, kind);
    const patient = await openClient(hub, subject, { retry: true });
    const { changes } = await watch(patient);
    await subject.desired({ before: 1 });
    expect(await changes.next()).toEqual({ before: 1, $version: 2 });

    const back = once(patient, "connect");
    const rival = await clientOf(hub, subject);
    const rivalEnded = once(rival, "disconnect");
    await rival.open();
    await Promise.all([rivalEnded, back]);
    await subject.desired({ after: 1 });
    expect(await changes.next()).toEqual({ after: 1, $version: 3 });
  });

  it("and is cut off at once when it is deleted, and may not come back", async () => {
    const subject = await register(hub, kind);
    const client = await openClient(hub, subject);
    await client.getTwin();
    const ended = once(client, "disconnect");
    await subject.remove();
    await ended;
    const again = await clientOf(hub, subject);
    await expect(again.open()).rejects.toMatchObject(unauthorized);
  });

  it("and is cut off when its key is replaced; the new key lets it in", async () => {
    const subject = await register(hub, kind);
    const client = await openClient(hub, subject);
    await client.getTwin();
    const ended = once(client, "disconnect");
    const newKey = Buffer.alloc(32, 9).toString("base64");
    await replaceKeys(subject, newKey);
    await ended;
    const old = await clientOf(hub, subject);
    await expect(old.open()).rejects.toMatchObject(unauthorized);
    await openClient(hub, subject, { connectionString: subject.connectionString(newKey) });
  });

  it("and is cut off when its device is disabled, until that is enabled again", async () => {
    const subject = await register(hub, kind);
    const registry = registryOf(hub);
    const client = await openClient(hub, subject);
    await client.getTwin();
    const ended = once(client, "disconnect");
    const { responseBody: device } = await registry.get(subject.deviceId);
    await registry.update(Object.assign({}, device, { status: "disabled" }));
    await ended;
    const refused = await clientOf(hub, subject);
    await expect(refused.open()).rejects.toThrow();
    await registry.update(Object.assign({}, device, { status: "enabled" }));
    await openClient(hub, subject);
  });
});

describe("a module", () => {
  it("is refused with the key of its device", async () => {
    const module = await register(hub, "module");
    const device = await subjectOf(hub, module.deviceId, undefined);
    const connectionString = module.connectionString(device.primaryKey);
    const client = await clientOf(hub, module, { connectionString });
    await expect(client.open()).rejects.toMatchObject(unauthorized);
  });

  it("and its device are connected at the same time, each with a connection of its own", async () => {
    const module = await register(hub, "module");
    const device = await subjectOf(hub, module.deviceId, undefined);
    const ofModule = await watch(await openClient(hub, module));
    const ofDevice = await watch(await openClient(hub, device));
    await module.desired({ a: 1 });
    await device.desired({ b: 1 });
    expect(await ofModule.changes.next()).toEqual({ a: 1, $version: 2 });
    expect(await ofDevice.changes.next()).toEqual({ b: 1, $version: 2 });
  });
});

describe.each(kinds)("the connection of a %s", (kind) => {
  it("ends ten minutes after its token, not before", async () => {
    const own = await startHub({ ports: "standard" });
    trust(own);
    try {
      const subject = await register(own, kind);
      const client = await openClient(own, subject);
      // The SDK makes tokens for an hour. In steps, because silence would end the connection sooner.
      const minutes = 60_000;
      for (let minute = 0; minute < 68; minute += 2) {
        own.clock.advance(2 * minutes);
        await client.sendEvent(new device.Message("still here"));
      }
      const ended = once(client, "disconnect");
      own.clock.advance(3 * minutes);
      await ended;
    } finally {
      await closeClients();
      await own.stop();
    }
  });
});

async function connectionState(subject: Subject): Promise<string | undefined> {
  const twin = await subject.twin();
  return (twin as { connectionState?: string }).connectionState;
}

function tokenOf(subject: Subject, expiry: number): string {
  const resource = encodeURIComponent(`${hub.hostName}${subject.path}`);
  // The SDK types the policy name as required, but leaves it out of the token when it is empty.
  return iothub.SharedAccessSignature.create(resource, "", subject.primaryKey, expiry).toString();
}

async function replaceKeys(subject: Subject, primaryKey: string): Promise<void> {
  const registry = registryOf(hub);
  const symmetricKey = { primaryKey, secondaryKey: Buffer.alloc(32, 8).toString("base64") };
  const { deviceId, moduleId } = subject;
  if (moduleId === undefined) {
    await registry.update({ deviceId, authentication: { symmetricKey } });
  } else {
    await registry.updateModule({ deviceId, moduleId, authentication: { symmetricKey } }, true);
  }
}
