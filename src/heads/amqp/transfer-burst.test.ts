import { setImmediate as turnOver } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import type { Sender } from "rhea";
import { refuseLater } from "../../app/completion.ts";
import type { HubApi, TelemetrySender } from "../../app/hub.ts";
import { HubError } from "../../domain/errors.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import { gate } from "../../../test/support/gate.ts";
import { SocketEnd } from "../../../test/support/socket-pair.ts";
import { AmqpClient, messages, send } from "./testing/client.ts";
import {
  type TestHub,
  type TestHubOptions,
  both,
  device,
  moduleOne,
  pathOf,
  startTestHub,
} from "./testing/test-hub.ts";

let test: TestHub;
/** How many messages each request to the hub held. */
let together: number[];
afterEach(async () => test.head.stop());

type Send = TelemetrySender["sendTogether"];

async function start(
  options: TestHubOptions = {},
  keep: (send: Send) => Send = (send) => send,
): Promise<void> {
  together = [];
  const wrap = (hub: HubApi): HubApi => {
    const { sender } = hub.telemetry;
    if (sender === undefined) throw new Error("the hub takes no messages together");
    const counted: typeof sender = (principal) => {
      const known = sender(principal);
      const kept = keep((...args) => known.sendTogether(...args));
      return {
        sendTogether(messages, completion) {
          together.push(messages.length);
          kept(messages, completion);
        },
      };
    };
    return { ...hub, telemetry: { ...hub.telemetry, sender: counted } };
  };
  test = await startTestHub({ ...options, limits: { linger: 50, ...options.limits }, wrap });
}

async function linkOf(key: IdentityKey): Promise<Sender> {
  const client = await test.connect(key);
  return client.sender(`${pathOf(key)}/messages/events`);
}

async function bodies(): Promise<string[]> {
  return (await test.messages()).map(({ message }) => Buffer.from(message.body).toString());
}

const texts = (count: number, prefix = ""): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}<${index}>`);

interface Held {
  holds: boolean;
  /** What the client has written since. */
  readonly chunks: Buffer[];
  /** What the hub has written. */
  readonly answers: Buffer[];
  /** Sends all of it as one. */
  release(): void;
}

/** A client whose writes can be held back. */
async function holdingClient(): Promise<[AmqpClient, Held]> {
  const [near, far] = SocketEnd.pair();
  const stream = test.stream();
  const chunks: Buffer[] = [];
  const answers: Buffer[] = [];
  const held: Held = {
    holds: false,
    chunks,
    answers,
    release() {
      this.holds = false;
      stream.write(Buffer.concat(chunks.splice(0)));
    },
  };
  far.on("data", (chunk: Buffer) => void (held.holds ? chunks.push(chunk) : stream.write(chunk)));
  stream.on("data", (chunk: Buffer) => {
    answers.push(chunk);
    far.write(chunk);
  });
  for (const end of [near, far]) end.on("error", () => undefined);
  return [await AmqpClient.open(near), held];
}

describe("telemetry that comes together", () => {
  it.each(both)("of a %s is one request, is accepted and stays in order", async (_, key) => {
    await start();
    const link = await linkOf(key);
    const sent = texts(50);
    const more = { application_properties: { a: "b" }, message_id: "m" };
    const outcomes = await Promise.all(sent.map((text) => send(link, text, more)));
    expect(new Set(outcomes)).toEqual(new Set(["accepted"]));
    expect(await bodies()).toEqual(sent);
    for (const { message } of await test.messages())
      expect(message).toMatchObject({
        key,
        system: { messageId: "m" },
        application: [["a", "b"]],
      });
    expect(together.reduce((sum, count) => sum + count, 0)).toBe(50);
  });

  it.each(both)("of a %s in one read is one request with one answer", async (_, key) => {
    await start();
    const [client, held] = await holdingClient();
    await client.putToken(test.token(key));
    const link = await client.sender(`${pathOf(key)}/messages/events`);
    held.holds = true;
    const sent = texts(50);
    const outcomes = sent.map((text) => send(link, text));
    while (!Buffer.concat(held.chunks).includes("<49>")) await turnOver();
    const before = held.answers.length;
    held.release();
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set(["accepted"]));
    expect(together).toEqual([50]);
    expect(await bodies()).toEqual(sent);
    const dispositions = held.answers.slice(before).filter((frame) => frame[10] === 0x15);
    expect(dispositions).toHaveLength(1);
  });

  it.each(both)("of a %s is kept although a broken frame follows at once", async (_, key) => {
    await start();
    const [client, held] = await holdingClient();
    await client.putToken(test.token(key));
    const link = await client.sender(`${pathOf(key)}/messages/events`);
    held.holds = true;
    const sent = texts(5);
    for (const text of sent) void send(link, text).catch(() => undefined);
    while (!Buffer.concat(held.chunks).includes("<4>")) await turnOver();
    // Its length is above every limit.
    held.chunks.push(Buffer.from([0x7f, 0xff, 0xff, 0xff, 2, 0, 0, 0]));
    held.release();
    await expect.poll(bodies).toEqual(sent);
  });

  it.each(both)("of a %s keeps its order around messages that go the other way", async (_, key) => {
    await start();
    const link = await linkOf(key);
    const long = "x".repeat(100_000);
    const sent: string[] = [];
    const outcomes = texts(30).map((text, index) => {
      // Several frames; a number as property; texts.
      const body = index % 10 === 3 ? `${text}${long}` : text;
      sent.push(body);
      return send(link, body, index % 10 === 6 ? { application_properties: { n: 1 } } : {});
    });
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set(["accepted"]));
    expect(await bodies()).toEqual(sent);
    expect(together.reduce((sum, count) => sum + count, 0)).toBe(24);
  });

  it("of a device and its module on one connection is each one's own", async () => {
    await start();
    const client = await test.connect(device, moduleOne);
    const links = await Promise.all(
      [device, moduleOne].map((key) => client.sender(`${pathOf(key)}/messages/events`)),
    );
    const outcomes = texts(20).flatMap((text) => links.map((link) => send(link, text)));
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set(["accepted"]));
    const logged = await test.messages();
    for (const key of [device, moduleOne]) {
      const own = logged.filter(({ message }) => message.key.moduleId === key.moduleId);
      expect(own.map(({ message }) => Buffer.from(message.body).toString())).toEqual(texts(20));
    }
  });

  it.each(both)("of a %s is not accepted before the hub has it", async (_, key) => {
    const kept = gate();
    await start({}, (forward) => (messages, completion) => {
      void kept.opened.then(() => forward(messages, completion));
    });
    const client = await test.connect(key);
    const link = await client.sender(`${pathOf(key)}/messages/events`);
    let accepted = 0;
    const outcomes = texts(5).map((text) => send(link, text).then(() => accepted++));
    // Everything sent before has been read and answered when this is.
    await client.putToken(test.token(key));
    expect(together).not.toEqual([]);
    expect(accepted).toBe(0);
    kept.open();
    await Promise.all(outcomes);
    expect(await bodies()).toEqual(texts(5));
  });

  it.each(both)(
    "of a %s that is refused is rejected one by one, and the link goes on",
    async (_, key) => {
      let refuses = true;
      const error = new HubError("IotHubQuotaExceeded", "The quota of the test is used up");
      await start({}, (keep) => (messages, completion) => {
        if (refuses) refuseLater(completion, error);
        else keep(messages, completion);
      });
      const link = await linkOf(key);
      const refused = texts(5).map((text) => send(link, text));
      for (const outcome of refused)
        await expect(outcome).rejects.toMatchObject({
          condition: "amqp:resource-limit-exceeded",
          message: expect.stringContaining("The quota of the test is used up"),
        });
      refuses = false;
      expect(await send(link, "last")).toBe("accepted");
      expect(await bodies()).toEqual(["last"]);
    },
  );

  it("goes on for longer than credit and window last, over several links of a session", async () => {
    await start({ limits: { unsettled: 40, telemetryCredit: 30, inFlight: 10 } });
    const client = await test.connect(device, moduleOne);
    const links = await Promise.all(
      [device, moduleOne].map((key) => client.sender(`${pathOf(key)}/messages/events`)),
    );
    const all = links.map(async (link) => {
      for (let round = 0; round < 30; round++)
        await Promise.all(texts(10, `${round} `).map((text) => send(link, text)));
    });
    await Promise.all(all);
    expect((await test.messages()).length).toBe(600);
  });

  it("is taken no further than credit goes: what comes without is a breach of the protocol", async () => {
    await start({ limits: { telemetryCredit: 5 } }, () => () => new Promise(() => undefined));
    const client = await test.connect(device);
    const link = await client.sender(`${pathOf(device)}/messages/events`);
    Object.assign(link, { credit: 100 });
    for (const text of texts(10)) link.send({ body: messages.data_section(Buffer.from(text)) });
    expect(await client.closed).toMatchObject({ condition: "amqp:connection:framing-error" });
    expect(together.reduce((sum, count) => sum + count, 0)).toBe(5);
  });

  it("leaves to the single way what asks for a fault, and goes on behind it", async () => {
    await start();
    const link = await linkOf(device);
    const fault = {
      AzIoTHub_FaultOperationType: "InvokeThrottling",
      AzIoTHub_FaultOperationDelayInSecs: "60",
      AzIoTHub_FaultOperationDurationInSecs: "60",
    };
    const outcomes = [
      send(link, "before"),
      send(link, "fault", { application_properties: fault }),
      send(link, "after"),
    ];
    expect(await Promise.all(outcomes)).toEqual(["accepted", "accepted", "accepted"]);
    expect(await bodies()).toEqual(["before", "after"]);
    test.clock.advance(60_000);
    const refused = [send(link, "x"), send(link, "y")];
    for (const outcome of refused)
      await expect(outcome).rejects.toMatchObject({
        condition: "com.microsoft:device-container-throttled",
      });
  });
});
