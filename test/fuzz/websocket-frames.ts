import { deflateRawSync } from "node:zlib";
import { hostName } from "../support/http-hub.ts";
import type { Random } from "./random.ts";

export type Subprotocol = "mqtt" | "AMQPWSB10";

/** An upgrade as a client asks for it. */
export function upgradeBytes(protocol: Subprotocol, random: Random): Buffer {
  const lines = [
    "GET /$iothub/websocket HTTP/1.1",
    `Host: ${hostName}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    `Sec-WebSocket-Protocol: ${protocol}`,
    ...(random.oneIn(4) ? ["Sec-WebSocket-Extensions: permessage-deflate"] : []),
  ];
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`);
}

interface FrameOptions {
  /** 0 continues, 1 is text, 2 binary, 8 close, 9 ping, 10 pong; others are reserved. */
  readonly opcode: number;
  readonly final: boolean;
  /** Reserved bits, 4 of which means "compressed". */
  readonly reserved: number;
  readonly masked: boolean;
  /** What the frame says that its payload's length is. */
  readonly declared: number;
  /** The form of the length: 7, 16 or 64 bits. */
  readonly lengthBits: 7 | 16 | 64;
}

const mask = Buffer.from([1, 2, 3, 4]);

function frame(payload: Buffer, options: FrameOptions): Buffer {
  const { opcode, final, reserved, masked, declared, lengthBits } = options;
  const first = (final ? 0x80 : 0) | (reserved << 4) | opcode;
  const maskBit = masked ? 0x80 : 0;
  const head = Buffer.alloc(lengthBits === 7 ? 2 : lengthBits === 16 ? 4 : 10);
  head[0] = first;
  head[1] = maskBit | (lengthBits === 7 ? declared & 0x7f : lengthBits === 16 ? 126 : 127);
  if (lengthBits === 16) head.writeUInt16BE(declared & 0xffff, 2);
  if (lengthBits === 64) head.writeBigUInt64BE(BigInt(declared), 2);
  if (!masked) return Buffer.concat([head, payload]);
  const hidden = Buffer.from(payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0)));
  return Buffer.concat([head, mask, hidden]);
}

/** The frame that a client would send. */
function plainFrame(payload: Buffer, opcode = 2, final = true): Buffer {
  const lengthBits = payload.length < 126 ? 7 : payload.length < 65_536 ? 16 : 64;
  const declared = payload.length;
  return frame(payload, { opcode, final, reserved: 0, masked: true, declared, lengthBits });
}

/** The payloads as frames: cut anywhere, with control frames between, and one in some thing wrong. */
export function framesOf(payloads: readonly Buffer[], random: Random): Buffer[] {
  const wrongAt = random.below(payloads.length * 2);
  return payloads.flatMap((payload, at) =>
    at === wrongAt ? wrongFrames(payload, random) : cut(payload, random),
  );
}

function cut(payload: Buffer, random: Random): Buffer[] {
  if (!random.oneIn(3) || payload.length < 2) return [plainFrame(payload)];
  const at = random.below(payload.length);
  const control = random.oneIn(2) ? [plainFrame(random.bytes(random.below(20)), 9)] : [];
  return [
    plainFrame(payload.subarray(0, at), 2, false),
    ...control,
    plainFrame(payload.subarray(at), 0),
  ];
}

function wrongFrames(payload: Buffer, random: Random): Buffer[] {
  const declared = payload.length;
  const right = { opcode: 2, final: true, reserved: 0, masked: true, declared } as const;
  switch (random.below(10)) {
    case 0:
      return [frame(payload, { ...right, masked: false, lengthBits: 16 })];
    case 1:
      return [frame(payload, { ...right, reserved: random.below(8), lengthBits: 16 })];
    case 2:
      return [frame(payload, { ...right, opcode: random.below(16), lengthBits: 16 })];
    case 3:
      return [
        frame(payload, {
          ...right,
          declared: random.pick([0, 125, 70_000, 2 ** 31, 2 ** 50]),
          lengthBits: 64,
        }),
      ];
    case 4:
      return [frame(deflateRawSync(payload), { ...right, reserved: 4, lengthBits: 16 })];
    case 5:
      // A small message that would be large: a bomb for whoever unpacks it.
      return [
        frame(deflateRawSync(Buffer.alloc(1_000_000)), { ...right, reserved: 4, lengthBits: 16 }),
      ];
    case 6:
      return Array.from({ length: 200 }, (_, n) =>
        plainFrame(random.bytes(1), n === 0 ? 2 : 0, false),
      );
    case 7:
      return [plainFrame(random.bytes(random.below(130)), 8), plainFrame(payload)];
    case 8:
      return [plainFrame(payload, 1)];
    default:
      return [plainFrame(payload, 0), plainFrame(payload, 2, false), plainFrame(payload, 2)];
  }
}
