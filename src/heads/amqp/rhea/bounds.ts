import { Deliveries } from "./deliveries.ts";
import { countedOn } from "./sequence-numbers.ts";
import type {
  RheaConnection,
  RheaDelivery,
  RheaDisposition,
  RheaFrame,
  RheaLink,
  RheaSession,
  RheaTypes,
} from "./types.ts";

/** Nested lists, maps, arrays and descriptors in one value. */
const maxDepth = 32;
const noBytes = Buffer.alloc(0);

type Method<This, Args extends readonly unknown[], Result> = (this: This, ...args: Args) => Result;

/** The methods that are bounded, by the names that the library gives them. */
interface ReaderMethods {
  depth?: number;
  items?: number;
  readonly buffer: Buffer;
  position: number;
  remaining(): number;
  read_n: Method<ReaderMethods, [count: number], unknown>;
  read_array_items: Method<ReaderMethods, [count: number, type: unknown], unknown>;
  read_bytes: Method<ReaderMethods, [count: number], Buffer>;
  read_compound: Method<ReaderMethods, [type: unknown], unknown>;
  read_array: Method<ReaderMethods, [type: unknown], unknown>;
  read_constructor: Method<ReaderMethods, [descriptors?: unknown], unknown>;
}

export interface SessionClass {
  readonly prototype: SessionMethods;
}

interface SessionMethods {
  on_begin: Method<RheaSession, [frame: RheaFrame<object>], void>;
  on_attach: Method<RheaSession, [frame: RheaFrame<{ name: unknown; handle: number }>], void>;
  on_detach: Method<RheaSession, [frame: RheaFrame<{ handle: number }>], void>;
  on_flow: Method<RheaSession, [frame: RheaFrame<{ handle: number | null }>], void>;
  on_transfer: Method<RheaSession, [frame: RheaFrame<Transfer>], void>;
  on_disposition: Method<RheaSession, [frame: RheaFrame<RheaDisposition>], void>;
  remove_link: Method<RheaSession, [link: RheaLink], void>;
}

interface Transfer {
  readonly handle: number;
  readonly more: boolean;
  readonly settled: boolean;
  readonly aborted: boolean;
}

export interface ConnectionClass {
  new (options: object, container: unknown): RheaConnection;
  readonly prototype: ConnectionMethods;
}

type Routed = "on_end" | "on_detach" | "on_flow" | "on_disposition" | "on_transfer";

interface ConnectionMethods extends Record<
  Routed,
  Method<RheaConnection, [frame: RheaFrame<object>], void>
> {
  create_session: Method<RheaConnection, [], RheaSession>;
  on_begin: Method<RheaConnection, [frame: RheaFrame<object>], void>;
}

/** Refuses values that promise more than their bytes hold; a count alone would cost memory or time. */
export function boundReader(types: RheaTypes, ProtocolError: new (message: string) => Error): void {
  const reader = types.Reader.prototype as unknown as ReaderMethods;
  const { read_n, read_array_items, read_bytes } = reader;
  const check = (self: ReaderMethods, count: number): void => {
    if (count > self.remaining()) throw new ProtocolError("A value is longer than its frame");
  };
  // Elements of no width cost no bytes: twelve bytes could ask for 2^32 of them, and nested arrays for the square of
  // what one may hold. All counts of one frame or message together may not exceed its bytes.
  const checkItems = (self: ReaderMethods, count: number): void => {
    check(self, count);
    self.items = (self.items ?? 0) + count;
    if (self.items > self.buffer.length) throw new ProtocolError("A value holds too many others");
  };
  reader.read_n = function readBounded(count) {
    checkItems(this, count);
    return read_n.call(this, count);
  };
  reader.read_array_items = function readBounded(count, type) {
    checkItems(this, count);
    return read_array_items.call(this, count, type);
  };
  reader.read_bytes = function readBounded(count) {
    check(this, count);
    return read_bytes.call(this, count);
  };
  for (const name of ["read_compound", "read_array", "read_constructor"] as const) {
    const read = reader[name];
    reader[name] = function readNested(argument) {
      this.depth = (this.depth ?? 0) + 1;
      if (this.depth > maxDepth) throw new ProtocolError("A value is nested too deep");
      const result = read.call(this, argument);
      this.depth--;
      return result;
    };
  }
}

/** Bounds what a peer may open and leave unsettled, and corrects what the library leaves behind. */
export function boundConnections(
  Connection: ConnectionClass,
  Session: SessionClass,
  ProtocolError: new (message: string) => Error,
): void {
  boundChannels(Connection.prototype, ProtocolError);
  boundLinks(Session.prototype, ProtocolError);
  boundTransfers(Session.prototype, ProtocolError);
}

function boundChannels(
  connection: ConnectionMethods,
  ProtocolError: new (message: string) => Error,
): void {
  const { create_session, on_begin } = connection;
  connection.create_session = function createBounded() {
    const { sessions, unsettled } = this.options.hooks;
    if (Object.keys(this.local_channel_map).length >= sessions)
      throw new ProtocolError(`More than ${sessions} sessions`);
    const session = create_session.call(this);
    session.outgoing.deliveries = new Deliveries(unsettled);
    session.incoming.deliveries = new Deliveries(unsettled);
    session.local.begin.incoming_window = unsettled;
    return session;
  };
  connection.on_begin = function beginBounded(frame) {
    const { channelMax } = this.options.hooks;
    if (!this.state.remote_open) throw new ProtocolError("The first frame is not open");
    if (frame.channel > channelMax) throw new ProtocolError("The channel number is too high");
    if (this.remote_channel_map[frame.channel] !== undefined)
      throw new ProtocolError("The channel is in use");
    on_begin.call(this, frame);
  };
  // Some clients go on to send for sessions that have ended (spec/amqp §2.5).
  const routed = ["on_end", "on_detach", "on_flow", "on_disposition", "on_transfer"] as const;
  for (const name of routed) {
    const handle = connection[name];
    connection[name] = function ignoreEnded(frame) {
      if (this.remote_channel_map[frame.channel] !== undefined) handle.call(this, frame);
      else if (!this.state.remote_open) throw new ProtocolError("The first frame is not open");
    };
  }
}

function boundLinks(session: SessionMethods, ProtocolError: new (message: string) => Error): void {
  const { on_attach, on_detach, on_flow } = session;
  session.on_attach = function attachBounded(frame) {
    const { connection } = this;
    const { name, handle } = frame.performative;
    let links = 0;
    for (const other of Object.values(connection.local_channel_map))
      links += Object.keys(other.links).length;
    if (links >= connection.options.hooks.links)
      throw new ProtocolError(`More than ${connection.options.hooks.links} links`);
    if (typeof name !== "string" || typeof handle !== "number")
      throw new ProtocolError("An attach has no name or no handle");
    on_attach.call(this, frame);
    const link = this.links[name];
    // The library forgets the number, and with it the link when it is to be removed.
    if (link !== undefined) link.remote.handle = handle;
  };
  session.on_detach = function detachKnown(frame) {
    if (this.remote.handles[frame.performative.handle] !== undefined) on_detach.call(this, frame);
  };
  session.on_flow = function flowKnown(frame) {
    const { handle } = frame.performative;
    if (handle !== null && this.remote.handles[handle] === undefined) return;
    on_flow.call(this, frame);
    this.connection.options.hooks.flowed(this);
  };
  session.remove_link = function removeOwn(link) {
    const { handle } = link.remote;
    if (handle !== undefined && this.remote.handles[handle] === link)
      delete this.remote.handles[handle];
    if (this.local.handles[link.local.handle] === link)
      delete this.local.handles[link.local.handle];
    if (this.links[link.name] === link) delete this.links[link.name];
  };
}

function boundTransfers(
  session: SessionMethods,
  ProtocolError: new (message: string) => Error,
): void {
  const { on_transfer } = session;
  session.on_transfer = function transferBounded(frame) {
    const { hooks } = this.connection.options;
    const { handle, more, settled, aborted } = frame.performative;
    const link = this.remote.handles[handle];
    if (link === undefined || !link.is_receiver())
      throw new ProtocolError("A transfer for no link that the client sends on");
    const before = link._incomplete;
    if (before === undefined && link.credit <= 0)
      throw new ProtocolError("A transfer without credit");
    if (aborted) return abort(this, link, before);
    frame.payload ??= noBytes;
    const held = bytesOf(before);
    const tooLarge = held + frame.payload.length > hooks.maxMessageSize(link);
    if (tooLarge) {
      frame.payload = noBytes;
      if (before !== undefined) before.frames = [noBytes];
    }
    hooks.partialBytes((more ? (tooLarge ? 0 : held + frame.payload.length) : 0) - held);
    if (tooLarge && before !== undefined) hooks.oversized(before);
    const { deliveries } = this.incoming;
    if (tooLarge && before === undefined && deliveries instanceof Deliveries)
      deliveries.onNext((delivery) => hooks.oversized(delivery));
    on_transfer.call(this, frame);
    if (settled && link._incomplete !== undefined) link._incomplete.remote_settled = true;
  };
  session.on_disposition = function dispositionBounded(frame) {
    const { role, first, last, settled, state } = frame.performative;
    const side = role ? this.outgoing : this.incoming;
    const { deliveries } = side;
    if (!(deliveries instanceof Deliveries) || typeof first !== "number") return;
    // A range may span 2^32 ids.
    const next = side.next_delivery_id ?? first;
    const from = countedOn(first, next);
    const to = countedOn(last ?? first, from);
    for (const id of deliveries.within(from, to))
      side.on_disposition({ role, first: id, last: id, settled, state });
    this.connection._process();
  };
}

function bytesOf(delivery: RheaDelivery | undefined): number {
  return delivery?.frames?.reduce((sum, { length }) => sum + length, 0) ?? 0;
}

/** The peer takes back what it has sent of a message. */
function abort(session: RheaSession, link: RheaLink, delivery: RheaDelivery | undefined): void {
  session.incoming.next_transfer_id++;
  if (delivery === undefined) {
    if (session.incoming.next_delivery_id !== undefined) session.incoming.next_delivery_id++;
    return;
  }
  session.connection.options.hooks.partialBytes(-bytesOf(delivery));
  delivery.settled = true;
  link._incomplete = undefined;
}
