// The floor: a bare Node TLS server that answers MQTT packets with fixed bytes. It checks nothing and stores
// nothing, so what a hub costs above it is what a hub adds. One write per chunk read, the same way a hub should.
//
// node echo-server.js --cert FILE --key FILE --listen ADDRESS --port N --plain-port N --twin FILE
// Prints one JSON line with its ports once it listens.
import { readFileSync } from "node:fs";
import net from "node:net";
import tls from "node:tls";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    cert: { type: "string", default: "" },
    key: { type: "string", default: "" },
    listen: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "0" },
    "plain-port": { type: "string", default: "0" },
    twin: { type: "string", default: "" },
  },
});

const CONNACK = Buffer.from([0x20, 2, 0, 0]);
const RID_LENGTH = 3;
const twin = values.twin === "" ? Buffer.from("{}") : readFileSync(values.twin);
const answerToGet = answer("200", "", twin);
const answerToPatch = answer("204", "&$version=123456", Buffer.alloc(0));

/**
 * An answer with a rid of three characters that `reply` overwrites.
 *
 * @param {string} status
 * @param {string} tail
 * @param {Buffer} body
 */
function answer(status, tail, body) {
  const topic = Buffer.from(`$iothub/twin/res/${status}/?$rid=000${tail}`);
  const length = 2 + topic.length + body.length;
  const header = length < 128 ? [0x30, length] : [0x30, (length & 127) | 128, length >> 7];
  const bytes = Buffer.concat([Buffer.from([...header, 0, topic.length]), topic, body]);
  return { bytes, ridAt: bytes.indexOf("000", header.length) };
}

/** @param {net.Socket} socket */
function serve(socket) {
  /** @type {Buffer | null} */
  let rest = null;
  socket.on("data", (/** @type {Buffer} */ chunk) => {
    const bytes = rest === null ? chunk : Buffer.concat([rest, chunk]);
    /** @type {Buffer[]} */
    const out = [];
    const used = replies(bytes, out);
    rest = used < bytes.length ? bytes.subarray(used) : null;
    const [only] = out;
    if (only !== undefined) socket.write(out.length === 1 ? only : Buffer.concat(out));
  });
  socket.on("error", () => socket.destroy());
}

/**
 * Appends the answers to the complete packets of `bytes`; returns how many bytes they took.
 *
 * @param {Buffer} bytes
 * @param {Buffer[]} out
 */
function replies(bytes, out) {
  let at = 0;
  for (;;) {
    if (at + 2 > bytes.length) return at;
    let length = bytes[at + 1] ?? 0;
    let body = at + 2;
    if (length > 127) {
      if (at + 3 > bytes.length) return at;
      length = (length & 127) | ((bytes[at + 2] ?? 0) << 7);
      body = at + 3;
    }
    const end = body + length;
    if (end > bytes.length) return at;
    reply(bytes, at, body, end, out);
    at = end;
  }
}

/**
 * @param {Buffer} bytes
 * @param {number} at fixed header
 * @param {number} body variable header
 * @param {number} end
 * @param {Buffer[]} out
 */
function reply(bytes, at, body, end, out) {
  const first = bytes[at] ?? 0;
  switch (first >> 4) {
    case 1:
      out.push(CONNACK);
      break;
    case 3: {
      const topicEnd = body + 2 + bytes.readUInt16BE(body);
      if ((first & 0x06) !== 0) {
        out.push(Buffer.from([0x40, 2, bytes[topicEnd] ?? 0, bytes[topicEnd + 1] ?? 0]));
        break;
      }
      const topic = bytes.toString("latin1", body + 2, topicEnd - RID_LENGTH);
      const fixed = topic.startsWith("$iothub/twin/GET/") ? answerToGet : answerToPatch;
      const copy = Buffer.from(fixed.bytes);
      bytes.copy(copy, fixed.ridAt, topicEnd - RID_LENGTH, topicEnd);
      out.push(copy);
      break;
    }
    case 8: {
      const filters = countFilters(bytes, body + 2, end);
      out.push(
        Buffer.from([0x90, 2 + filters, bytes[body] ?? 0, bytes[body + 1] ?? 0]),
        Buffer.alloc(filters),
      );
      break;
    }
    case 12:
      out.push(Buffer.from([0xd0, 0]));
      break;
    default:
      break;
  }
}

/**
 * @param {Buffer} bytes
 * @param {number} from first filter
 * @param {number} end
 */
function countFilters(bytes, from, end) {
  let count = 0;
  for (let next = from; next < end; next += 3 + bytes.readUInt16BE(next)) count++;
  return count;
}

/** @param {net.Server} server @param {string} port @returns {Promise<number>} the bound port */
function listen(server, port) {
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen({ port: Number(port), host: values.listen, backlog: 1024 }, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}

process.on("SIGTERM", () => process.exit(0));
const secure = tls.createServer(
  { cert: readFileSync(values.cert), key: readFileSync(values.key), noDelay: true },
  serve,
);
secure.on("tlsClientError", () => {});
const plain = net.createServer({ noDelay: true }, serve);
const ports = {
  mqtts: await listen(secure, values.port),
  mqtt: await listen(plain, values["plain-port"]),
};
process.stdout.write(`${JSON.stringify({ ports })}\n`);
