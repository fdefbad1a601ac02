import device from "azure-iot-device";
import { afterEach, describe, expect, it } from "vitest";
import { startHub } from "../../src/testing/index.ts";
import {
  closeClients,
  kinds,
  openClient,
  protocols,
  register,
  registryOf,
  report,
  trust,
} from "./support.ts";

const day = 86_400_000;
const quarterOfAnHour = 900_000;

let hub: Awaited<ReturnType<typeof startHub>>;

/** One operation in ten seconds passes, the next one waits as long, others are refused. */
async function start(limits: string): Promise<void> {
  const throttle = { tier: null, units: 1, limits, enforces: true, burstSeconds: 0 };
  hub = await startHub({ ports: "standard", throttle });
  trust(hub);
  // The day's messages are counted anew at midnight: no test runs over it.
  const untilMidnight = day - (hub.clock.now() % day);
  if (untilMidnight < quarterOfAnHour) hub.clock.advance(untilMidnight);
}
afterEach(async () => {
  await closeClients();
  await hub.stop();
});

/** Lets the hub's time run, ten seconds at a time, until `work` has ended. */
async function withTime<T>(work: Promise<T>): Promise<T> {
  const timer = setInterval(() => hub.clock.advance(10_000), 50);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}

interface Throttle {
  readonly name: string;
  readonly waiting: number;
  readonly refused: number;
}

async function throttleOf(name: string): Promise<Throttle | undefined> {
  const { body } = await hub.call("GET", "/$hub/throttling");
  return (body as { throttles: Throttle[] }).throttles.find((throttle) => throttle.name === name);
}

/** Waits while the hub's time stands nearly still, so that what has been asked is judged as if it came at once. */
async function until(name: string, state: Partial<Throttle>): Promise<void> {
  await expect.poll(() => throttleOf(name)).toMatchObject(state);
}

const cases = kinds.flatMap((kind) => protocols.map((protocol) => ({ kind, protocol })));

describe.each(cases)("A $kind over $protocol that is throttled", ({ kind, protocol }) => {
  it("waits or is told so when it reports too often, stays connected, and goes on later", async () => {
    await start("twinUpdates=6/min");
    const subject = await register(hub, kind);
    const client = await openClient(hub, subject, { protocol });
    const twin = await client.getTwin();
    await report(twin, { n: 1 });
    const reports = Promise.allSettled([report(twin, { n: 2 }), report(twin, { n: 3 })]);
    const isAmqp = protocol.startsWith("amqp");
    await until("twinUpdates", { waiting: 1, refused: isAmqp ? 0 : 1 });
    const [second, third] = await withTime(reports);
    expect(second?.status).toBe("fulfilled");
    // Over AMQP the next request is looked at when the one before has been answered.
    if (isAmqp) expect(third?.status).toBe("fulfilled");
    else {
      // Less by each second that has passed since the first.
      const message = /The request has been throttled\. Wait (?:1\d|20) seconds and try again\./;
      expect(third).toMatchObject({ reason: { message: expect.stringMatching(message) } });
    }
    await withTime(report(twin, { n: 4 }));
    expect((await subject.twin()).properties.reported).toMatchObject({ n: 4 });
  });

  it("hears by its protocol's own way that a message was not taken", async () => {
    await start("telemetry=6/min");
    const subject = await register(hub, kind);
    const client = await openClient(hub, subject, { protocol });
    client.on("error", () => undefined);
    const send = (text: string) => client.sendEvent(new device.Message(text));
    await send("a");
    const sent = Promise.allSettled([send("b"), send("c"), send("d")]);
    const isAmqp = protocol.startsWith("amqp");
    await expect
      .poll(async () => (await throttleOf("telemetry"))?.refused)
      .toBeGreaterThanOrEqual(isAmqp ? 2 : 1);
    const [b, c, d] = await withTime(sent);
    if (isAmqp) {
      // Each message has its own answer.
      expect(b?.status).toBe("fulfilled");
      for (const refused of [c, d])
        expect(refused).toMatchObject({ reason: { name: "ThrottlingError" } });
    } else {
      // MQTT knows no refusal but the end of the connection.
      for (const refused of [c, d])
        expect(refused).toMatchObject({ reason: { name: "NotConnectedError" } });
    }
    hub.clock.advance(60_000);
    const later = await openClient(hub, subject, { protocol });
    await later.sendEvent(new device.Message("e"));
  });
});

describe.each(kinds)("Services of a %s", (kind) => {
  it("hear ThrottlingError, and the quota's own error once the day's messages are used up", async () => {
    await start("twinReads=6/min,quota=3/day");
    const subject = await register(hub, kind);
    await subject.twin();
    const second = subject.twin();
    await until("twinReads", { waiting: 1 });
    await expect(subject.twin()).rejects.toMatchObject({ name: "ThrottlingError" });
    await withTime(second);
    await subject.desired({ a: 1 });
    // 403 has this name in the SDK, whatever it is about.
    await expect(subject.desired({ a: 2 })).rejects.toMatchObject({
      name: "TooManyDevicesError",
      message: expect.stringContaining("exceeded the allocated quota"),
    });
    // Identities can be managed all the same.
    await registryOf(hub).get(subject.deviceId);
  });
});
