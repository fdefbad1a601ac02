import { afterEach, beforeEach, expect, it } from "vitest";
import type { SocketEnd } from "../../../../test/support/socket-pair.ts";
import { type TestHub, startTestHub } from "../testing/test-hub.ts";

let test: TestHub;

beforeEach(async () => {
  test = await startTestHub({ limits: { linger: 50 } });
});
afterEach(async () => test.head.stop());

const header = Buffer.from("414d515000010000", "hex");
const nothing = Buffer.from([0x40]);
const zero = Buffer.from([0x43]);
const one = Buffer.from([0x52, 1]);
const emptyList = Buffer.from([0x45]);
const [open, begin, attach, source, target] = [0x10, 0x11, 0x12, 0x28, 0x29];

function text(value: string): Buffer {
  return Buffer.concat([Buffer.from([0xa1, value.length]), Buffer.from(value)]);
}

function list(...fields: readonly Buffer[]): Buffer {
  const body = Buffer.concat(fields);
  return Buffer.concat([Buffer.from([0xc0, body.length + 1, fields.length]), body]);
}

function described(descriptor: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x00, 0x53, descriptor]), value]);
}

function frame(performative: Buffer): Buffer {
  const start = Buffer.from([0, 0, 0, 0, 2, 0, 0, 0]);
  start.writeUInt32BE(start.length + performative.length);
  return Buffer.concat([start, performative]);
}

/** A link to `$cbs` that is named so. The terminus at the client's end is null, as from the Java SDKs, or has no fields. */
function attachFrame(name: string, handle: Buffer, client: "sends" | "receives"): Buffer {
  const receives = client === "receives";
  const node = list(text("$cbs"));
  const fields = [
    text(name),
    handle,
    Buffer.from([receives ? 0x41 : 0x42]),
    nothing,
    nothing,
    receives ? described(source, node) : nothing,
    described(target, receives ? emptyList : node),
    nothing,
    nothing,
    ...(receives ? [] : [zero]),
  ];
  return frame(described(attach, list(...fields)));
}

/** The role of each attach with which the hub answers: true, if the hub receives. Resolves when two have come. */
async function rolesOf(stream: SocketEnd): Promise<readonly boolean[]> {
  const roles: boolean[] = [];
  let bytes = Buffer.alloc(0);
  for await (const chunk of stream) {
    bytes = Buffer.concat([bytes, chunk as Buffer]);
    for (;;) {
      const isHeader = bytes.subarray(0, 4).equals(header.subarray(0, 4));
      const size = isHeader ? header.length : bytes.length >= 4 ? bytes.readUInt32BE(0) : Infinity;
      if (bytes.length < size) break;
      if (!isHeader && bytes[10] === attach) roles.push(hasTrueRole(bytes.subarray(11, size)));
      bytes = bytes.subarray(size);
    }
    if (roles.length === 2) break;
  }
  return roles;
}

/** Reads past the name and the handle of an attach in full-length encodings or short ones. */
function hasTrueRole(fields: Buffer): boolean {
  let at = fields[0] === 0xc0 ? 3 : 9;
  at += fields[at] === 0xa1 ? 2 + (fields[at + 1] ?? 0) : 5 + fields.readUInt32BE(at + 1);
  at += fields[at] === 0x43 ? 1 : fields[at] === 0x52 ? 2 : 5;
  return fields[at] === 0x41 || (fields[at] === 0x56 && fields[at + 1] === 1);
}

it.each(["one name", "constructor", "__proto__", "to:one name"])(
  "a link on which the client sends and one on which it receives may both be named %s",
  async (name) => {
    const stream = test.stream();
    const roles = rolesOf(stream);
    stream.write(
      Buffer.concat([
        header,
        frame(described(open, list(text("client")))),
        frame(described(begin, list(nothing, zero, Buffer.from([0x52, 99]), one))),
        attachFrame(name, zero, "receives"),
        attachFrame(name, one, "sends"),
      ]),
    );
    expect(await roles).toEqual([false, true]);
  },
);
