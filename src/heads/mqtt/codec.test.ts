import * as fc from "fast-check";
import { generate, parser, type Packet } from "mqtt-packet";
import { describe, expect, it } from "vitest";
import { FrameGuard } from "../../wire/frame-guard.ts";
import { decode } from "./decode.ts";
import {
  encodeConnack,
  encodePingresp,
  encodePuback,
  encodePublish,
  encodeSuback,
  encodeUnsuback,
} from "./encode.ts";

/** What mqtt-packet, the other implementation, makes of one packet; nothing if it refuses it. */
function oracle(bytes: Buffer): Packet | undefined {
  const packets: Packet[] = [];
  let refused = false;
  const other = parser({ protocolVersion: 4 });
  other.on("packet", (packet) => packets.push(packet));
  other.on("error", () => {
    refused = true;
  });
  other.parse(bytes);
  return refused ? undefined : packets[0];
}

/** Our packet in the other implementation's words. */
function translated(bytes: Buffer): object {
  const packet = decode(bytes);
  switch (packet.type) {
    case "publish": {
      const { topic, payload, qos, retain, packetId } = packet;
      const id = qos === 0 ? {} : { messageId: packetId };
      return { cmd: "publish", topic, payload: payload.toString("hex"), qos, retain, ...id };
    }
    case "puback":
      return { cmd: "puback", messageId: packet.packetId };
    case "subscribe":
      return {
        cmd: "subscribe",
        messageId: packet.packetId,
        subscriptions: packet.subscriptions.map(({ filter, qos }) => ({ topic: filter, qos })),
      };
    case "unsubscribe":
      return {
        cmd: "unsubscribe",
        messageId: packet.packetId,
        unsubscriptions: [...packet.filters],
      };
    case "connect": {
      const { clientId, clean, keepAlive, username, password, will } = packet;
      return {
        cmd: "connect",
        clientId,
        clean,
        keepalive: keepAlive,
        ...(username === undefined ? {} : { username }),
        ...(password === undefined ? {} : { password: password.toString("hex") }),
        ...(will === undefined ? {} : { will: { ...will, payload: will.payload.toString("hex") } }),
      };
    }
    case "unsupportedConnect":
    case "pingreq":
    case "disconnect":
      return { cmd: packet.type };
  }
}

/** The other implementation's packet with what this hub does not care about left out, and QoS 2 granted as 1. */
function comparable(packet: Packet): object {
  const hex = (value: string | Buffer): string => Buffer.from(value).toString("hex");
  switch (packet.cmd) {
    case "publish": {
      const { topic, payload, qos, retain, messageId } = packet;
      const id = qos === 0 ? {} : { messageId };
      return { cmd: "publish", topic, payload: hex(payload), qos, retain, ...id };
    }
    case "subscribe":
      return {
        cmd: "subscribe",
        messageId: packet.messageId,
        subscriptions: packet.subscriptions.map(({ topic, qos }) => ({
          topic,
          qos: Math.min(qos, 1),
        })),
      };
    case "unsubscribe":
      return {
        cmd: "unsubscribe",
        messageId: packet.messageId,
        unsubscriptions: packet.unsubscriptions,
      };
    case "connect": {
      const { clientId, clean, keepalive, username, password, will } = packet;
      return {
        cmd: "connect",
        clientId,
        clean,
        keepalive,
        ...(username === undefined ? {} : { username }),
        ...(password === undefined ? {} : { password: hex(password) }),
        ...(will === undefined ? {} : { will: { ...will, payload: hex(will.payload) } }),
      };
    }
    default:
      return packet.messageId === undefined ||
        packet.cmd === "pingreq" ||
        packet.cmd === "disconnect"
        ? { cmd: packet.cmd }
        : { cmd: packet.cmd, messageId: packet.messageId };
  }
}

const text = fc.string({ unit: "grapheme", maxLength: 40 }).map((t) => t.replaceAll("\0", ""));
const topic = fc
  .oneof(text, fc.constant("$iothub/twin/GET/?$rid=1"))
  .map((t) => `t${t.replaceAll(/[+#]/g, "")}`);
const filter = topic.chain((t) => fc.constantFrom(t, `${t}/#`, `${t}/+`, "#", "+/x"));
const messageId = fc.integer({ min: 1, max: 65_535 });
const bytes = fc.uint8Array({ maxLength: 300 }).map((content) => Buffer.from(content));

const inbound: fc.Arbitrary<Packet> = fc.oneof(
  fc.record({
    cmd: fc.constant("publish" as const),
    topic,
    payload: bytes,
    qos: fc.constantFrom(0 as const, 1 as const),
    dup: fc.constant(false),
    retain: fc.boolean(),
    messageId,
  }),
  fc.record({ cmd: fc.constant("puback" as const), messageId }),
  fc.record({
    cmd: fc.constant("subscribe" as const),
    messageId,
    subscriptions: fc.array(
      fc.record({ topic: filter, qos: fc.constantFrom(0 as const, 1 as const, 2 as const) }),
      { minLength: 1, maxLength: 5 },
    ),
  }),
  fc.record({
    cmd: fc.constant("unsubscribe" as const),
    messageId,
    unsubscriptions: fc.array(filter, { minLength: 1, maxLength: 5 }),
  }),
  fc.record({ cmd: fc.constantFrom("pingreq" as const, "disconnect" as const) }),
  fc.record(
    {
      cmd: fc.constant("connect" as const),
      protocolId: fc.constant("MQTT" as const),
      protocolVersion: fc.constant(4 as const),
      clientId: text.map((t) => `c${t}`),
      clean: fc.boolean(),
      keepalive: fc.integer({ min: 0, max: 65_535 }),
      username: text.map((t) => `u${t}`),
      password: bytes,
      will: fc.record({
        topic,
        payload: bytes,
        qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
        retain: fc.boolean(),
      }),
    },
    {
      requiredKeys: [
        "cmd",
        "protocolId",
        "protocolVersion",
        "clientId",
        "clean",
        "keepalive",
        "username",
      ],
    },
  ),
);

describe("the codec and mqtt-packet agree", () => {
  it("on every packet that a client may send", () => {
    fc.assert(
      fc.property(inbound, (packet) => {
        const generated = generate(packet);
        const read = oracle(generated);
        expect(read).toBeDefined();
        expect(translated(generated)).toEqual(read && comparable(read));
      }),
      { numRuns: 1_000 },
    );
  });

  it("on what a changed packet means, whenever the codec accepts it", () => {
    const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
    let accepted = 0;
    fc.assert(
      fc.property(inbound, fc.array(change, { minLength: 1, maxLength: 3 }), (packet, changes) => {
        const mutated = generate(packet);
        for (const [at, value] of changes) mutated[at % mutated.length] = value;
        const guard = new FrameGuard(10_000);
        guard.push(mutated);
        let ours: object;
        let frame: Buffer | undefined;
        try {
          frame = guard.next();
          if (frame === undefined) return;
          ours = translated(frame);
        } catch (error) {
          expect(error).toMatchObject({
            name: expect.stringMatching(/^(IotHubFormatError|MessageTooLarge|InvalidOperation)$/),
          });
          return;
        }
        if ("cmd" in ours && ours.cmd === "unsupportedConnect") return;
        const theirs = oracle(frame);
        expect(theirs).toBeDefined();
        expect(ours).toEqual(theirs && comparable(theirs));
        accepted++;
      }),
      { numRuns: 3_000 },
    );
    expect(accepted).toBeGreaterThan(300);
  });

  it("on every packet that the hub sends", () => {
    const granted = fc.array(fc.constantFrom(0 as const, 1 as const), {
      minLength: 1,
      maxLength: 50,
    });
    fc.assert(
      fc.property(
        topic,
        fc.oneof(bytes, fc.constant(Buffer.alloc(20_000, 1)), fc.constant(Buffer.alloc(0))),
        messageId,
        fc.boolean(),
        granted,
        (name, payload, id, dup, codes) => {
          expect(encodePublish(name, payload)).toEqual(
            generate({ cmd: "publish", topic: name, payload, qos: 0, dup: false, retain: false }),
          );
          expect(encodePublish(name, payload, { qos: 1, packetId: id, dup })).toEqual(
            generate({
              cmd: "publish",
              topic: name,
              payload,
              qos: 1,
              dup,
              retain: false,
              messageId: id,
            }),
          );
          expect(encodePublish(name, "grün")).toEqual(encodePublish(name, Buffer.from("grün")));
          expect(encodePuback(id)).toEqual(generate({ cmd: "puback", messageId: id }));
          expect(encodeSuback(id, codes)).toEqual(
            generate({ cmd: "suback", messageId: id, granted: codes }),
          );
          expect(encodeUnsuback(id)).toEqual(
            generate({ cmd: "unsuback", messageId: id, granted: [] }),
          );
        },
      ),
    );
    expect(encodePingresp()).toEqual(generate({ cmd: "pingresp" }));
    for (const code of [0, 1, 3, 5] as const) {
      expect(encodeConnack(code, false)).toEqual(
        generate({ cmd: "connack", returnCode: code, sessionPresent: false }),
      );
    }
    expect(encodeConnack(0, true)).toEqual(
      generate({ cmd: "connack", returnCode: 0, sessionPresent: true }),
    );
  });
});

describe("the codec refuses what MQTT 3.1.1 forbids", () => {
  const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");
  it.each([
    ["QoS 3", "36 05 00 01 61 00 01"],
    ["QoS 2", "34 05 00 01 61 00 01"],
    ["packet id 0 of a PUBLISH", "32 05 00 01 61 00 00"],
    ["packet id 0 of a SUBSCRIBE", "82 06 00 00 00 01 61 00"],
    ["packet id 0 of a PUBACK", "40 02 00 00"],
    ["a topic with +", "30 03 00 01 2b"],
    ["a topic with #", "30 03 00 01 23"],
    ["an empty topic", "30 02 00 00"],
    ["U+0000 in a topic", "30 03 00 01 00"],
    ["ill-formed UTF-8", "30 04 00 02 c3 28"],
    ["half a surrogate pair", "30 05 00 03 ed a0 80"],
    ["an overlong form", "30 04 00 02 c0 af"],
    ["a topic longer than the packet", "30 04 00 09 61 61"],
    ["a PUBLISH without a topic length", "30 01 00"],
    ["a QoS 1 PUBLISH without a packet id", "32 03 00 01 61"],
    ["flags of SUBSCRIBE", "80 06 00 01 00 01 61 00"],
    ["flags of PINGREQ", "c1 00"],
    ["a PINGREQ with content", "c0 01 00"],
    ["flags of DISCONNECT", "e1 00"],
    ["a SUBSCRIBE without filters", "82 02 00 01"],
    ["a SUBSCRIBE that asks for QoS 3", "82 06 00 01 00 01 61 03"],
    ["reserved bits of a subscription", "82 06 00 01 00 01 61 04"],
    ["the filter a+", "82 07 00 01 00 02 61 2b 00"],
    ["the filter #/a", "82 08 00 01 00 03 23 2f 61 00"],
    ["an empty filter", "82 05 00 01 00 00 00"],
    ["an UNSUBSCRIBE without filters", "a2 02 00 01"],
    ["a CONNACK", "20 02 00 00"],
    ["a PUBREL", "62 02 00 01"],
    ["type 0", "00 00"],
    ["type 15", "f0 00"],
    ["the reserved CONNECT flag", "10 0d 00 04 4d 51 54 54 04 03 00 00 00 01 61"],
    ["a password without a user name", "10 10 00 04 4d 51 54 54 04 42 00 00 00 01 61 00 01 61"],
    ["will flags without a will", "10 0d 00 04 4d 51 54 54 04 22 00 00 00 01 61"],
    ["a will with QoS 3", "10 12 00 04 4d 51 54 54 04 1e 00 00 00 01 61 00 01 61 00 00"],
    ["another protocol", "10 0d 00 04 48 54 54 50 04 02 00 00 00 01 61"],
    ["bytes behind a CONNECT", "10 0e 00 04 4d 51 54 54 04 02 00 00 00 01 61 00"],
  ])("%s", (_, text) => {
    expect(() => decode(hex(text))).toThrow(
      expect.objectContaining({
        name: expect.stringMatching(/^(IotHubFormatError|InvalidOperation)$/),
        message: expect.stringMatching(/^[^;]+$/),
      }),
    );
  });

  it.each([
    ["version 3.1", "10 0f 00 06 4d 51 49 73 64 70 03 02 00 00 00 01 61"],
    ["version 5", "10 0e 00 04 4d 51 54 54 05 02 00 00 00 00 01 61"],
  ])("and knows a CONNECT of %s only by its version", (_, text) => {
    expect(decode(hex(text))).toEqual({ type: "unsupportedConnect" });
  });
});
