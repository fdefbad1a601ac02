import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SocketEnd } from "../../../../test/support/socket-pair.ts";
import { createSasToken } from "../../../wire/sas-token.ts";
import { AmqpClient, send, textOf } from "../testing/client.ts";
import {
  type TestHub,
  both,
  device,
  hostName,
  owner,
  pathOf,
  startTestHub,
} from "../testing/test-hub.ts";
import { rhea } from "./library.ts";
import { countedOn } from "./sequence-numbers.ts";
import type { RheaConnection, RheaFrame } from "./types.ts";

let test: TestHub;
beforeEach(async () => {
  test = await startTestHub({ limits: { linger: 50 } });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await test.head.stop();
});

/** Numbers begin anew after the third. */
const almost = 2 ** 32 - 3;

type Fields = Record<string, unknown>;
interface Codec {
  read_frame(bytes: Buffer): RheaFrame<Fields> | undefined;
  write_frame(frame: RheaFrame<Fields>): Buffer;
}
const codec = rhea.frames as unknown as Codec;

/** What a frame holds of the numbers of one direction, by the code of its performative. */
interface Numbers {
  readonly [code: number]: readonly string[];
}
const [begin, attach, flow, transfer, disposition] = [0x11, 0x12, 0x13, 0x14, 0x15];
const ofSender: Numbers = {
  [begin]: ["next_outgoing_id"],
  [attach]: ["initial_delivery_count"],
  [flow]: ["next_outgoing_id"],
  [transfer]: ["delivery_id"],
};
const ofReceiver: Numbers = { [flow]: ["next_incoming_id"], [disposition]: ["first", "last"] };
/** Of a link whose receiver answers. */
const ofReceivingLink: Numbers = { ...ofReceiver, [flow]: ["next_incoming_id", "delivery_count"] };

/** The bytes of a stream, with numbers of its frames so much higher. */
class Renumbered {
  readonly #numbers: Numbers;
  readonly #by: number;
  #rest = Buffer.alloc(0);
  /** The numbers that went by, as they are on the side of the hub. */
  readonly seen: number[] = [];

  constructor(numbers: Numbers, by: number) {
    this.#numbers = numbers;
    this.#by = by;
  }

  *pass(chunk: Buffer): Generator<Buffer> {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 8) {
      const isHeader = this.#rest.toString("latin1", 0, 4) === "AMQP";
      const size = isHeader ? 8 : this.#rest.readUInt32BE(0);
      if (this.#rest.length < size) return;
      const bytes = this.#rest.subarray(0, size);
      this.#rest = this.#rest.subarray(size);
      yield isHeader || bytes[5] !== 0 ? bytes : this.#renumber(bytes);
    }
  }

  #renumber(bytes: Buffer): Buffer {
    const names = this.#numbers[bytes[10] ?? 0] ?? [];
    const frame = codec.read_frame(bytes);
    if (frame === undefined || names.length === 0) return bytes;
    for (const name of names) {
      const number = frame.performative[name];
      if (typeof number !== "number") continue;
      const shifted = (number + this.#by) >>> 0;
      frame.performative[name] = shifted;
      if (bytes[10] === transfer || bytes[10] === disposition)
        this.seen.push(this.#by > 0 ? shifted : number);
    }
    return codec.write_frame(frame);
  }
}

/** A client whose frames, and the hub's for it, are renumbered on their way. */
async function clientBehind(toHub: Renumbered, toClient: Renumbered): Promise<AmqpClient> {
  const [near, far] = SocketEnd.pair();
  const stream = test.stream();
  far.on("data", (chunk: Buffer) => {
    for (const bytes of toHub.pass(chunk)) stream.write(bytes);
  });
  stream.on("data", (chunk: Buffer) => {
    for (const bytes of toClient.pass(chunk)) far.write(bytes);
  });
  for (const end of [near, far]) end.on("error", () => undefined);
  return AmqpClient.open(near);
}

/** Lets the hub's sessions begin as if they had sent almost 2^32 messages. */
function beginAtTheEnd(): void {
  const connection = rhea.Connection.prototype;
  const { create_session } = connection;
  vi.spyOn(connection, "create_session").mockImplementation(function create(this: RheaConnection) {
    const session = create_session.call(this);
    const { outgoing, local } = session;
    outgoing.next_delivery_id = almost;
    outgoing.next_pending_delivery = almost;
    outgoing.next_transfer_id = almost;
    Object.assign(local.begin, { next_outgoing_id: almost });
    return session;
  });
}

const texts = Array.from({ length: 12 }, (_, index) => `<${index}>`);
const bodiesOf = async (): Promise<string[]> =>
  (await test.messages()).map(({ message }) => Buffer.from(message.body).toString());

describe("numbers that begin anew after 2^32 - 1", () => {
  it.each([
    [5, 7, 5],
    [1, almost, 2 ** 32 + 1],
    [almost, 2 ** 32 + 1, almost],
    [0, 3 * 2 ** 32 - 1, 3 * 2 ** 32],
    [2 ** 32 - 1, 3 * 2 ** 32, 3 * 2 ** 32 - 1],
  ])("%d is, near %d, %d", (value, near, counted) => {
    expect(countedOn(value, near)).toBe(counted);
  });

  it.each(both)("are those of a %s's telemetry, whichever way it takes", async (_, key) => {
    const toHub = new Renumbered(ofSender, almost);
    const toClient = new Renumbered(ofReceivingLink, -almost);
    const client = await clientBehind(toHub, toClient);
    await client.putToken(test.token(key));
    const link = await client.sender(`${pathOf(key)}/messages/events`);
    // A number as property goes by the library; a long one takes several frames.
    const long = "x".repeat(100_000);
    for (const [index, text] of texts.entries()) {
      const more = index % 3 === 1 ? { application_properties: { n: 1 } } : {};
      expect(await send(link, index % 3 === 2 ? `${text}${long}` : text, more)).toBe("accepted");
    }
    expect(await Promise.all(texts.map((text) => send(link, text)))).toHaveLength(12);
    const once = texts.map((text, index) => (index % 3 === 2 ? `${text}${long}` : text));
    expect(await bodiesOf()).toEqual([...once, ...texts]);
    // The request on $cbs was the first; 24 deliveries follow, in one case with the numbers of each frame.
    expect(new Set(toHub.seen)).toEqual(
      new Set(Array.from({ length: 25 }, (_none, index) => (almost + index) >>> 0)),
    );
    expect(toClient.seen).toContain(0);
    expect(toClient.seen).toContain(21);
    client.close();
    expect(await client.closed).toBeNull();
  });

  it("are those of what is sent to a device, and of its answers", async () => {
    beginAtTheEnd();
    const toHub = new Renumbered(ofReceiver, almost);
    const toClient = new Renumbered(ofSender, -almost);
    const client = await clientBehind(toHub, toClient);
    await client.putToken(test.token(device));
    const received: string[] = [];
    const all = new Promise<void>((resolve) => {
      void client
        .receiver(`${pathOf(device)}/messages/devicebound`, { credit_window: 3 })
        .then((link) =>
          link.on("message", ({ message, delivery }) => {
            received.push(message === undefined ? "" : textOf(message));
            delivery?.accept();
            if (received.length === texts.length) resolve();
          }),
        );
    });
    for (const text of texts)
      await test.hub.cloudToDevice.send(owner, device.deviceId, {
        body: Buffer.from(text),
        system: {},
        application: new Map(),
        ack: "none",
      });
    await all;
    expect(received).toEqual(texts);
    expect(toClient.seen.slice(0, 5)).toEqual([almost, almost + 1, almost + 2, 0, 1]);
    // Each was completed: nothing comes again.
    await vi.waitFor(() => expect(new Set(toHub.seen)).toContain(9));
    client.close();
    expect(await client.closed).toBeNull();
  });

  it("are those of events that are read", async () => {
    const sender = await test.connect(device);
    const link = await sender.sender(`${pathOf(device)}/messages/events`);
    for (const text of texts) await send(link, text);
    beginAtTheEnd();
    const toHub = new Renumbered(ofReceiver, almost);
    const toClient = new Renumbered(ofSender, -almost);
    const client = await clientBehind(toHub, toClient);
    const audience = `sb://${hostName}/hub`;
    const key = test.ownerKey;
    const expiry = Math.floor(test.clock.now() / 1000) + 600;
    await client.putToken(
      createSasToken({ resource: audience, key, expiry, policy: "iothubowner" }),
    );
    const received: string[] = [];
    const reader = await client.receiver("hub/ConsumerGroups/$Default/Partitions/0", {
      credit_window: 0,
    });
    reader.on("message", ({ message, delivery }) => {
      // What comes settled stays unsettled in the client's library.
      Object.assign(delivery ?? {}, { settled: true });
      received.push(message === undefined ? "" : textOf(message));
      reader.add_credit(1);
    });
    reader.add_credit(4);
    await vi.waitFor(() => expect(received).toEqual(texts));
    expect(toClient.seen.slice(0, 5)).toEqual([almost, almost + 1, almost + 2, 0, 1]);
  });
});
