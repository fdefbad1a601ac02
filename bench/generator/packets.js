// MQTT 3.1.1 packets as the load clients send them, encoded once before a measurement starts.

/** @param {string} text */
function string(text) {
  const bytes = Buffer.from(text, "utf8");
  return Buffer.concat([uint16(bytes.length), bytes]);
}

/** @param {number} value */
function uint16(value) {
  return Buffer.from([value >> 8, value & 0xff]);
}

/**
 * @param {number} firstByte packet type and flags
 * @param {readonly Buffer[]} parts variable header and payload
 */
function packet(firstByte, parts) {
  const body = Buffer.concat(parts);
  const header = [firstByte];
  let rest = body.length;
  do {
    header.push(rest > 127 ? (rest & 127) | 128 : rest);
    rest >>>= 7;
  } while (rest > 0);
  return Buffer.concat([Buffer.from(header), body]);
}

/**
 * CONNECT with user name and password; keep-alive 0, so that an idle client needs no timer.
 *
 * @param {{ clientId: string, username: string, password: string }} credentials
 * @param {boolean} [clean] clean session
 */
export function connect({ clientId, username, password }, clean = true) {
  const flags = 0xc0 | (clean ? 0x02 : 0);
  return packet(0x10, [
    string("MQTT"),
    Buffer.from([4, flags, 0, 0]),
    string(clientId),
    string(username),
    string(password),
  ]);
}

/**
 * @param {readonly string[]} filters
 * @param {0 | 1} [qos]
 */
export function subscribe(filters, qos = 0) {
  return packet(0x82, [
    uint16(1),
    ...filters.flatMap((filter) => [string(filter), Buffer.from([qos])]),
  ]);
}

/**
 * @param {string} topic
 * @param {Buffer} payload
 * @param {number} packetId 0 = QoS 0, otherwise QoS 1 with this packet identifier
 */
export function publish(topic, payload, packetId) {
  return packetId === 0
    ? packet(0x30, [string(topic), payload])
    : packet(0x32, [string(topic), uint16(packetId), payload]);
}

export const DISCONNECT = Buffer.from([0xe0, 0]);

/** Number of different messages in a ring: so many may be in flight on one connection. */
export const RING = 64;

/** The largest window, and so the most that one write sends. */
export const BURST = 16;

/**
 * The messages of one client, all of the same length, laid out one after the other. The first ones are repeated at
 * the end, so that any run of up to BURST messages is one contiguous slice and costs one `write`.
 *
 * @typedef {{ bytes: Buffer, size: number }} Ring
 */

/** @typedef {"patch" | "get" | "telemetry"} LoadKind */

/**
 * @param {LoadKind} kind
 * @param {{ deviceId: string, moduleId: string }} key
 * @returns {Ring}
 */
export function ring(kind, key) {
  const messages = Array.from({ length: RING }, (_, index) => message(kind, key, index));
  const size = messages[0]?.length ?? 0;
  if (messages.some((each) => each.length !== size))
    throw new Error("ring messages differ in size");
  return { bytes: Buffer.concat([...messages, ...messages.slice(0, BURST)]), size };
}

/**
 * @param {LoadKind} kind
 * @param {{ deviceId: string, moduleId: string }} key
 * @param {number} index 0 to RING - 1
 */
function message(kind, key, index) {
  const rid = 100 + index;
  switch (kind) {
    case "patch":
      return publish(`$iothub/twin/PATCH/properties/reported/?$rid=${rid}`, patchBody(index), 0);
    case "get":
      return publish(`$iothub/twin/GET/?$rid=${rid}`, Buffer.alloc(0), 0);
    case "telemetry":
      return publish(
        `devices/${key.deviceId}/modules/${key.moduleId}/messages/events/`,
        Buffer.from(`{"temperature":${100 + index},"fill":"`.padEnd(254, "x") + '"}'),
        index + 1,
      );
    default:
      throw new Error(`no such load: ${String(kind)}`);
  }
}

/**
 * Each patch changes a value, so that no server can skip the write.
 *
 * @param {number} index
 */
function patchBody(index) {
  return Buffer.from(`{"battery":${100 + index},"status":{"temperature":21.5}}`);
}
