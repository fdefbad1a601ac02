import { afterEach, describe, expect, it } from "vitest";
import { type TestHub, type TestIdentity, startHub } from "../../src/testing/index.ts";
import { createSasToken } from "../../src/wire/sas-token.ts";
import { MqttClient } from "../support/mqtt-client.ts";

const minute = 60_000;
const hour = 60 * minute;

let hub: TestHub | undefined;
afterEach(async () => {
  await hub?.stop();
  hub = undefined;
});

/** A hub with a device and its module: whatever holds for one must hold for the other. */
async function start(): Promise<{ hub: TestHub; identities: readonly TestIdentity[] }> {
  hub = await startHub({ partitions: 1 });
  const device = await hub.createDevice("d");
  const module = await hub.createModule("d", "m");
  return { hub, identities: [device, module] };
}

function pathOf({ deviceId, moduleId }: TestIdentity): string {
  return moduleId === undefined
    ? `/devices/${deviceId}`
    : `/devices/${deviceId}/modules/${moduleId}`;
}

function token(of: TestHub, identity: TestIdentity, lifetime: number): string {
  return createSasToken({
    resource: `${of.hostName}${pathOf(identity)}`,
    key: identity.primaryKey,
    expiry: Math.floor((of.clock.now() + lifetime) / 1000),
  });
}

async function send(of: TestHub, identity: TestIdentity, authorization: string): Promise<number> {
  const target = `${pathOf(identity)}/messages/events`;
  return (await of.call("POST", target, { n: 1 }, { authorization })).status;
}

async function partition(of: TestHub) {
  const { body } = await of.call("GET", "/$hub/events/partitions");
  return body[0] as {
    lastSequenceNumber: number;
    firstSequenceNumber: number;
    lastEnqueuedTime: string;
  };
}

async function waiting(of: TestHub): Promise<number> {
  return (await of.call("GET", "/devices/d")).body.cloudToDeviceMessageCount;
}

describe("a clock that is set back", () => {
  it("never lets enqueued times of a partition fall, and numbers go on", async () => {
    const { hub, identities } = await start();
    for (const identity of identities)
      expect(await send(hub, identity, token(hub, identity, hour))).toBe(204);
    const before = await partition(hub);
    hub.clock.jump(-2 * hour);
    for (const identity of identities)
      expect(await send(hub, identity, token(hub, identity, hour))).toBe(204);
    const after = await partition(hub);
    expect([before.lastSequenceNumber, after.lastSequenceNumber]).toEqual([2, 4]);
    expect(after.lastEnqueuedTime).toBe(before.lastEnqueuedTime);
  });

  it("makes tokens and messages to devices live longer, by as much as it was set back", async () => {
    const { hub, identities } = await start();
    const tokens = identities.map((identity) => token(hub, identity, 10 * minute));
    await hub.call("POST", "/devices/d/messages/deviceBound", { n: 1 });
    hub.clock.jump(-3 * hour);
    hub.clock.advance(2 * hour);
    for (const [index, identity] of identities.entries())
      expect(await send(hub, identity, tokens[index] ?? "")).toBe(204);
    expect(await waiting(hub)).toBe(1);
  });

  it("keeps twins in the order of their versions", async () => {
    const { hub, identities } = await start();
    for (const identity of identities) {
      const target = pathOf(identity).replace("devices", "twins");
      const first = await hub.call("PATCH", target, { properties: { desired: { n: 1 } } });
      hub.clock.jump(-hour);
      const second = await hub.call("PATCH", target, { properties: { desired: { n: 2 } } });
      expect(second.body.properties.desired.$version).toBe(
        first.body.properties.desired.$version + 1,
      );
      expect(second.body.properties.desired.n).toBe(2);
    }
  });

  it("ends no connection", async () => {
    const { hub, identities } = await start();
    for (const identity of identities) {
      const client = await connect(hub, identity, 10 * minute);
      hub.clock.jump(-hour);
      const answered = new Promise((resolve) => {
        client.onPacket = (packet) => resolve(packet.cmd);
      });
      client.send({ cmd: "pingreq" });
      expect(await answered).toBe("pingresp");
      client.destroy();
    }
  });
});

describe("a clock that is set forward", () => {
  it("ends tokens that are over by then, and takes them again when it is set right", async () => {
    const { hub, identities } = await start();
    for (const identity of identities) {
      const authorization = token(hub, identity, 10 * minute);
      hub.clock.jump(hour);
      expect(await send(hub, identity, authorization)).toBe(401);
      hub.clock.jump(-hour);
      expect(await send(hub, identity, authorization)).toBe(204);
    }
  });

  it("expires messages to devices that are over by then, though no timer has run", async () => {
    const { hub, identities } = await start();
    await hub.call("POST", "/devices/d/messages/deviceBound", { n: 1 });
    const [device] = identities;
    if (device === undefined) throw new Error("no device");
    hub.clock.jump(2 * hour);
    const authorization = token(hub, device, hour);
    const target = "/devices/d/messages/deviceBound";
    expect((await hub.call("GET", target, undefined, { authorization })).status).toBe(204);
  });

  it("tells the sender of a message soon that it has expired", async () => {
    const { hub } = await start();
    const ack = { "iothub-ack": "negative", "iothub-messageid": "m-1" };
    await hub.call("POST", "/devices/d/messages/deviceBound", { n: 1 }, ack);
    hub.clock.jump(2 * hour);
    hub.clock.advance(minute);
    const found = hub;
    const feedback = async (): Promise<unknown> => {
      // Feedback is gathered for a while before it can be received.
      found.clock.advance(15_000);
      return (await found.call("GET", "/messages/serviceBound/feedback")).body;
    };
    const expected = [{ originalMessageId: "m-1", statusCode: "Expired" }];
    await expect.poll(feedback, { timeout: 5_000 }).toMatchObject(expected);
  });

  it("drops telemetry that is older than its retention with the next sweep, not before", async () => {
    const { hub, identities } = await start();
    for (const identity of identities) await send(hub, identity, token(hub, identity, hour));
    hub.clock.jump(48 * hour);
    expect((await partition(hub)).firstSequenceNumber).toBe(1);
    hub.clock.advance(minute + 1);
    const found = hub;
    await expect.poll(async () => (await partition(found)).firstSequenceNumber).toBe(3);
    // Numbers are not used twice, whatever the clock says.
    hub.clock.jump(-48 * hour);
    for (const identity of identities) await send(hub, identity, token(hub, identity, hour));
    expect((await partition(hub)).lastSequenceNumber).toBe(4);
  });

  it("begins jobs that are due by then within a minute", async () => {
    const { hub } = await start();
    const startTime = new Date(hub.clock.now() + 5 * hour).toISOString();
    const job = await hub.call("PUT", "/jobs/v2/later", {
      jobId: "later",
      type: "scheduleUpdateTwin",
      updateTwin: { etag: "*", tags: { touched: true } },
      queryCondition: "*",
      startTime,
      maxExecutionTimeInSeconds: 300,
    });
    expect(job.status).toBe(200);
    hub.clock.jump(6 * hour);
    hub.clock.advance(minute);
    const found = hub;
    await expect
      .poll(async () => (await found.call("GET", "/twins/d")).body.tags.touched, {
        timeout: 20_000,
      })
      .toBe(true);
  });

  it("closes connections whose token is over by then", async () => {
    const { hub, identities } = await start();
    for (const identity of identities) {
      const client = await connect(hub, identity, 10 * minute);
      hub.clock.jump(hour);
      // Its next look at the time, which a real hub takes within the keep-alive.
      hub.clock.advance(90_000);
      await client.closed;
      const { body } = await hub.call("GET", "/$hub/connections/ended");
      expect(body[0].reason).toBe("tokenExpired");
    }
  });
});

async function connect(of: TestHub, identity: TestIdentity, lifetime: number): Promise<MqttClient> {
  const { deviceId, moduleId } = identity;
  const ids = moduleId === undefined ? deviceId : `${deviceId}/${moduleId}`;
  const { client } = await MqttClient.connect(
    { host: of.hostName, port: of.ports.mqtts, ca: of.caPem },
    {
      clientId: ids,
      username: `${of.hostName}/${ids}/?api-version=2021-04-12`,
      password: Buffer.from(token(of, identity, lifetime)),
    },
  );
  return client;
}
