import type { RheaFrame, RheaFrames, RheaLink, RheaSession } from "./types.ts";

/** The largest window, and the largest number of the wire. */
const maxUint = 2 ** 32 - 1;

interface Flow {
  readonly handle: number | null;
  next_incoming_id: unknown;
  next_outgoing_id: unknown;
  delivery_count: unknown;
}

interface SessionMethods {
  on_flow: (this: RheaSession, frame: RheaFrame<Flow>) => void;
  on_transfer: (this: RheaSession, frame: RheaFrame<{ delivery_id: unknown }>) => void;
  _write_flow: (this: RheaSession, link?: RheaLink) => void;
}

/**
 * A number of the wire, where 0 follows 2^32 - 1, as the number nearest to one that counts on (AMQP 1.0 §2.8.10, RFC 1982).
 */
export function countedOn(value: number, near: number): number {
  return near + ((value - near) | 0);
}

/**
 * Lets ids of transfers and deliveries and the counts of links begin anew after 2^32 - 1, as the protocol wants, also where
 * a client begins right before it. The library counts on, as does all that stands on it: numbers are brought to its side
 * as they come, and back as they leave.
 */
export function wrapNumbers(session: { readonly prototype: object }, frames: RheaFrames): void {
  wrapIncoming(session.prototype as SessionMethods);
  wrapOutgoing(frames, "transfer", ["delivery_id"]);
  wrapOutgoing(frames, "disposition", ["first", "last"]);
  wrapOutgoing(frames, "flow", ["delivery_count"]);
}

function wrapIncoming(session: SessionMethods): void {
  const { on_flow, on_transfer, _write_flow } = session;
  session.on_flow = function flowCounted(frame) {
    const { performative } = frame;
    const { incoming, outgoing, remote } = this;
    put(performative, "next_incoming_id", outgoing.next_transfer_id);
    put(performative, "next_outgoing_id", incoming.next_transfer_id);
    const link = performative.handle === null ? undefined : remote.handles[performative.handle];
    if (link !== undefined) put(performative, "delivery_count", link.delivery_count);
    on_flow.call(this, frame);
  };
  session.on_transfer = function transferCounted(frame) {
    const { next_delivery_id } = this.incoming;
    if (next_delivery_id !== undefined) put(frame.performative, "delivery_id", next_delivery_id);
    on_transfer.call(this, frame);
  };
  session._write_flow = function writeCounted(link) {
    const { incoming, outgoing } = this;
    // The hub sends as much as the client's window allows; the library's own one only falls.
    outgoing.window = maxUint;
    _write_flow.call(this, link);
    incoming.max_transfer_id = incoming.next_transfer_id + incoming.window;
  };
}

/** Fields have accessors that make objects: they are written only where a number has begun anew. */
function put<Name extends string>(
  fields: { [name in Name]: unknown },
  name: Name,
  near: number,
): void {
  const value = fields[name];
  if (typeof value !== "number") return;
  const counted = countedOn(value, near);
  if (counted !== value) fields[name] = counted;
}

function wrapOutgoing(
  frames: RheaFrames,
  name: "transfer" | "disposition" | "flow",
  numbers: readonly string[],
): void {
  const make = frames[name];
  frames[name] = (fields) => {
    const counted = fields as Record<string, unknown>;
    for (const number of numbers) {
      const value = counted[number];
      if (typeof value === "number" && value > maxUint) counted[number] = value >>> 0;
    }
    return make(fields);
  };
}
