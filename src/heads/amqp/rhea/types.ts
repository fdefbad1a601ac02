/** The parts of the library that the head uses, as it uses them; the library's own types are open records. */

/** A value with its AMQP type, as read from the wire or made for it. */
export interface RheaTyped {
  readonly type: { readonly name: string; readonly typecode: number };
  readonly value: unknown;
  readonly descriptor?: RheaTyped;
}

export interface RheaReader {
  readonly buffer: Buffer;
  position: number;
  read(): RheaTyped;
  remaining(): number;
}

export interface RheaWriter {
  write(value: RheaTyped): void;
  toBuffer(): Buffer;
}

export interface RheaTypes {
  readonly Reader: { new (buffer: Uint8Array): RheaReader; readonly prototype: RheaReader };
  readonly Writer: new () => RheaWriter;
  readonly Timestamp: { readonly typecode: number };
  wrap(value: unknown): RheaTyped;
  wrap_ulong(value: number | Buffer): RheaTyped;
  wrap_long(value: number | Buffer): RheaTyped;
  wrap_int(value: number): RheaTyped;
  wrap_uint(value: number): RheaTyped;
  wrap_ubyte(value: number): RheaTyped;
  wrap_uuid(value: Uint8Array): RheaTyped;
  wrap_binary(value: Uint8Array): RheaTyped;
  wrap_string(value: string): RheaTyped;
  wrap_symbol(value: string): RheaTyped;
  wrap_timestamp(value: number): RheaTyped;
  wrap_boolean(value: boolean): RheaTyped;
  wrap_list(values: readonly RheaTyped[]): RheaTyped;
  wrap_array(values: readonly unknown[], typecode: number): RheaTyped;
  Null(): RheaTyped;
  Map32(values: readonly RheaTyped[]): RheaTyped;
  described(descriptor: RheaTyped, value: RheaTyped): RheaTyped;
  unwrap(value: unknown): unknown;
  wrap_error: (error: RheaError) => RheaTyped;
}

/** What is handed to `close`, `end`, `detach` and `rejected`. */
export interface RheaError {
  readonly condition: string;
  readonly description: string;
  readonly info?: ReadonlyMap<string, unknown> | undefined;
}

export interface RheaState {
  local_open: boolean;
  remote_open: boolean;
  open_requests: number;
}

export interface RheaAttach {
  readonly name?: unknown;
  readonly handle: number;
  readonly snd_settle_mode: unknown;
  readonly rcv_settle_mode: unknown;
  readonly source: RheaTerminus | null;
  readonly target: RheaTerminus | null;
  readonly initial_delivery_count: unknown;
  readonly properties: unknown;
  readonly desired_capabilities: unknown;
  readonly max_message_size: unknown;
}

export interface RheaTerminus {
  readonly address?: unknown;
  readonly filter?: unknown;
  /** The fields as read, with their types. */
  readonly value: readonly RheaTyped[];
}

export interface RheaDelivery {
  readonly id: number;
  readonly tag: Buffer;
  readonly format: unknown;
  readonly link: RheaLink;
  readonly data: readonly Buffer[];
  readonly state: unknown;
  readonly remote_state: unknown;
  settled: boolean;
  remote_settled: boolean;
  frames?: Buffer[];
  update(settled: boolean, state: RheaTyped): void;
}

export interface RheaLink {
  readonly name: string;
  readonly session: RheaSession;
  readonly connection: RheaConnection;
  readonly state: RheaState;
  readonly local: {
    readonly handle: number;
    readonly attach: {
      snd_settle_mode?: unknown;
      rcv_settle_mode?: unknown;
      max_message_size?: unknown;
      properties?: unknown;
      initial_delivery_count?: unknown;
    };
  };
  readonly remote: { handle: number | undefined; attach?: RheaAttach };
  credit: number;
  delivery_count: number;
  _incomplete?: RheaDelivery | undefined;
  is_receiver(): boolean;
  is_open(): boolean;
  is_remote_open(): boolean;
  open(): void;
  close(error?: RheaError): void;
  flow(credit: number): void;
  send(message: Buffer, tag: Buffer, format: number): RheaDelivery;
  set_source(fields: object): void;
  set_target(fields: object): void;
}

export interface RheaDeliveries {
  available(): number;
  push(delivery: RheaDelivery): void;
  pop_if(matches: (delivery: RheaDelivery) => boolean): number;
  by_id(id: number): RheaDelivery | undefined;
}

/** What a disposition says, for one delivery or a range. */
export interface RheaDisposition {
  readonly role: boolean;
  readonly first: number;
  readonly last: number | null;
  readonly settled: boolean;
  readonly state: unknown;
}

export interface RheaSession {
  readonly connection: RheaConnection;
  readonly state: RheaState;
  readonly links: Record<string, RheaLink>;
  readonly local: {
    readonly channel: number;
    readonly begin: { incoming_window: unknown };
    readonly handles: Record<number, RheaLink>;
  };
  readonly remote: { readonly handles: Record<number, RheaLink> };
  readonly outgoing: {
    deliveries: RheaDeliveries;
    next_delivery_id: number;
    next_pending_delivery: number;
    next_transfer_id: number;
    window: number;
    /** Frames that the client's window has room for. */
    transfer_window(): number;
    on_disposition(fields: RheaDisposition): void;
  };
  readonly incoming: {
    deliveries: RheaDeliveries;
    next_transfer_id: number;
    next_delivery_id: number | undefined;
    max_transfer_id: number;
    readonly window: number;
    on_disposition(fields: RheaDisposition): void;
  };
  close(error?: RheaError): void;
  /** Writes a frame at once. */
  output(performative: unknown): void;
}

export interface RheaOpen {
  readonly container_id: unknown;
  readonly hostname: unknown;
  readonly max_frame_size: unknown;
  readonly idle_time_out: unknown;
  readonly properties: unknown;
}

export interface RheaConnection {
  readonly options: { readonly hooks: RheaHooks };
  readonly state: RheaState;
  readonly remote: { readonly open?: RheaOpen };
  readonly remote_channel_map: Record<number, RheaSession>;
  readonly local_channel_map: Record<number, RheaSession>;
  accept(socket: RheaSocket): void;
  input(bytes: Buffer): void;
  close(error?: RheaError): void;
  on(event: string, listener: (context: RheaContext) => void): void;
  /** Writes what is due; the library calls it at the next tick. */
  _process(): void;
  /** Writes an empty frame. */
  _write_frame(): void;
}

export interface RheaContext {
  readonly session?: RheaSession;
  readonly sender?: RheaLink;
  readonly receiver?: RheaLink;
  readonly delivery?: RheaDelivery;
  /** The bytes of a message. */
  readonly message?: unknown;
}

export interface RheaSocket {
  write(bytes: Buffer): void;
  end(): void;
  on(event: string, listener: (...args: readonly unknown[]) => void): void;
  get_id_string(): string;
}

/** What the bounds need of the connection that they hold for. */
export interface RheaHooks {
  readonly sessions: number;
  readonly links: number;
  readonly unsettled: number;
  readonly channelMax: number;
  /** The largest message that the link takes, in bytes. */
  maxMessageSize(link: RheaLink): number;
  /** Bytes of incomplete messages, up or down. Throws above the limit. */
  partialBytes(change: number): void;
  /** A message is larger than its link takes; what is kept of it is empty. */
  oversized(delivery: RheaDelivery): void;
  /** The session's windows, or credit, may have changed. */
  flowed(session: RheaSession): void;
}

export interface RheaFrame<T> {
  readonly channel: number;
  readonly performative: T;
  payload?: Buffer;
}

export interface RheaSaslFrame {
  readonly type: number;
  readonly performative?: {
    readonly mechanism?: unknown;
    readonly initial_response?: unknown;
  };
}

type MakeFrame = (fields: object) => { value: unknown[] };

export interface RheaFrames extends Record<
  | "open"
  | "begin"
  | "attach"
  | "flow"
  | "transfer"
  | "disposition"
  | "detach"
  | "end"
  | "close"
  | "sasl_mechanisms"
  | "sasl_outcome",
  MakeFrame
> {
  read_frame(bytes: Buffer): RheaSaslFrame;
  write_frame(frame: unknown): Buffer;
  sasl_frame(performative: unknown): unknown;
}

export interface RheaMessages {
  decode: (bytes: Buffer) => unknown;
  accepted(): { described(): RheaTyped };
  released(): { described(): RheaTyped };
  modified(fields: { delivery_failed: boolean }): { described(): RheaTyped };
  rejected(fields: { error: RheaError }): { described(): RheaTyped };
  is_accepted(state: unknown): boolean;
}
