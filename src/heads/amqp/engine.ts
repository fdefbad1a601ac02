import { HubError } from "../../domain/errors.ts";
import type { Outcome } from "./links/link.ts";
import { rhea } from "./rhea/library.ts";
import type {
  RheaConnection,
  RheaContext,
  RheaDelivery,
  RheaError,
  RheaLink,
  RheaSession,
} from "./rhea/types.ts";
import type { Services } from "./services.ts";
import { outcomeEvents, writeOutcome } from "./outcomes.ts";

/** What the library tells of; each is called with the library in a consistent state. */
export interface EngineEvents {
  /** The peer's `open` has come and been answered. */
  opened(idleTimeOut: number): void;
  /** The peer has closed; `close` answers it. */
  closed(): void;
  write(frame: Buffer): void;
  attached(link: RheaLink): void;
  detached(link: RheaLink): void;
  sessionEnded(session: RheaSession): void;
  delivered(delivery: RheaDelivery, bytes: Buffer): void;
  outcome(delivery: RheaDelivery, event: (typeof outcomeEvents)[number] | "settled"): void;
  /** Windows or credit of a session may have grown. */
  flowed(session: RheaSession): void;
  /** The peer has not proven yet who it is. */
  isStranger(): boolean;
  maxMessageSize(link: RheaLink): number;
  oversized(delivery: RheaDelivery): void;
  /** The peer has broken the protocol, or the head has a bug: the connection cannot go on. */
  failed(error: unknown): void;
}

/** The smallest maximum that AMQP allows a peer (AMQP 1.0 §2.7.1). */
const smallestMaxFrame = 512;

/** The AMQP layer of one connection: frames in, frames and events out. */
export class Engine {
  readonly #events: EngineEvents;
  readonly #services: Services;
  readonly #connection: RheaConnection;
  #partialBytes = 0;
  #state: "running" | "stopped" = "running";

  constructor(services: Services, hostName: string, events: EngineEvents) {
    const { limits, random } = services;
    this.#events = events;
    this.#services = services;
    this.#connection = new rhea.Connection(
      {
        id: "amqp",
        container_id: `DeviceGateway_${random.uuid().replaceAll("-", "")}`,
        hostname: hostName,
        max_frame_size: limits.frameBytes,
        channel_max: limits.channelMax,
        idle_time_out: limits.idleTimeOut,
        disable_sasl: true,
        reconnect: false,
        autoaccept: false,
        credit_window: 0,
        treat_modified_as_released: false,
        hooks: {
          get sessions() {
            return events.isStranger() ? limits.strangerLinks : limits.sessions;
          },
          get links() {
            return events.isStranger() ? limits.strangerLinks : limits.links;
          },
          unsettled: limits.unsettled,
          channelMax: limits.channelMax,
          maxMessageSize: (link: RheaLink) => events.maxMessageSize(link),
          partialBytes: (change: number) => this.#addPartial(change),
          oversized: (delivery: RheaDelivery) => events.oversized(delivery),
          flowed: (session: RheaSession) => this.#later(() => events.flowed(session)),
        },
      },
      rhea.container,
    );
    this.#guardProcess();
    this.#listen();
    this.#connection.accept({
      write: (bytes) => events.write(bytes),
      // When to end the stream is the connection's own decision.
      end: () => undefined,
      on: () => undefined,
      get_id_string: () => "peer",
    });
  }

  /** The peer has opened and not closed. */
  get isOpen(): boolean {
    const { local_open, remote_open } = this.#connection.state;
    return local_open && remote_open;
  }

  /** One protocol header or one complete frame. */
  input(frame: Buffer): void {
    if (this.#state === "running") this.#connection.input(frame);
  }

  /** The link that the client calls by a handle in a session's channel, while the layer runs. */
  linkAt(channel: number, handle: number): RheaLink | undefined {
    if (this.#state !== "running") return undefined;
    return this.#connection.remote_channel_map[channel]?.remote.handles[handle];
  }

  /** Writes a frame that was made without the library. */
  write(frame: Buffer): void {
    if (this.#state === "running") this.#events.write(frame);
  }

  /** Writes the outcome of a delivery that the library has not seen. */
  settle(session: RheaSession, id: number, outcome: Outcome): void {
    if (this.#state !== "running") return;
    const state = writeOutcome(outcome);
    session.output(
      rhea.frames.disposition({ role: true, first: id, last: id, state, settled: true }),
    );
  }

  /** Writes what is due now and not at the next tick. */
  process(): void {
    this.#connection._process();
  }

  heartbeat(): void {
    this.#connection._write_frame();
  }

  /** Ends all sessions with an error; false if there are none. */
  endSessions(error: RheaError): boolean {
    const sessions = Object.values(this.#connection.local_channel_map);
    for (const session of sessions) session.close(error);
    this.process();
    return sessions.length > 0;
  }

  /** Writes `close` if the peer has opened, and reports nothing more. */
  close(error: RheaError | undefined): void {
    if (this.#connection.state.local_open) {
      this.#connection.close(error);
      this.process();
    }
    this.#state = "stopped";
  }

  #addPartial(change: number): void {
    this.#partialBytes += change;
    const { partialBytes } = this.#services.limits;
    if (this.#partialBytes > partialBytes)
      throw new HubError(
        "ThrottleBacklogLimitExceeded",
        `Incomplete messages hold more than ${partialBytes} bytes, the limit`,
      );
  }

  /** Nothing may be thrown into the library's ticks: nobody would catch it. */
  #guardProcess(): void {
    const connection = this.#connection;
    const process = connection._process.bind(connection);
    connection._process = () => this.#guarded(process);
  }

  #guarded(work: () => void): void {
    if (this.#state === "stopped") return;
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  #later(work: () => void): void {
    setImmediate(() => this.#guarded(work));
  }

  #fail(error: unknown): void {
    if (this.#state === "running") this.#events.failed(error);
  }

  #on(event: string, listener: (context: RheaContext) => void): void {
    this.#connection.on(event, (context) => this.#guarded(() => listener(context)));
  }

  #listen(): void {
    const events = this.#events;
    this.#on("connection_open", () => this.#opened());
    this.#on("connection_close", () => events.closed());
    for (const event of ["receiver_open", "sender_open"])
      this.#on(event, ({ receiver, sender }) => {
        const link = receiver ?? sender;
        if (link !== undefined) events.attached(link);
      });
    for (const event of ["receiver_close", "sender_close"])
      this.#on(event, ({ receiver, sender }) => {
        const link = receiver ?? sender;
        if (link !== undefined) events.detached(link);
      });
    this.#on("session_close", ({ session }) => {
      if (session !== undefined) events.sessionEnded(session);
    });
    this.#on("message", ({ delivery, message }) => {
      if (delivery !== undefined) events.delivered(delivery, message as Buffer);
    });
    for (const event of [...outcomeEvents, "settled"] as const)
      this.#on(event, ({ delivery }) => {
        if (delivery !== undefined) events.outcome(delivery, event);
      });
    // What carries an error is followed by the close event of the same thing.
    const followed = ["connection_error", "session_error", "receiver_error", "sender_error"];
    for (const event of [...followed, "disconnected"]) this.#on(event, () => undefined);
    for (const event of ["protocol_error", "error"])
      this.#connection.on(event, (error) => this.#fail(error));
  }

  #opened(): void {
    const { max_frame_size, idle_time_out } = this.#connection.remote.open ?? {};
    const { shortestIdleTimeOut } = this.#services.limits;
    // The library cuts messages to this size, and would never end with one that is too small.
    if (typeof max_frame_size === "number" ? max_frame_size < smallestMaxFrame : max_frame_size)
      throw new HubError("ArgumentInvalid", `max-frame-size must be ${smallestMaxFrame} or more`);
    const idle = typeof idle_time_out === "number" ? idle_time_out : 0;
    if (idle > 0 && idle < shortestIdleTimeOut)
      throw new HubError("ArgumentInvalid", `idle-time-out must be ${shortestIdleTimeOut} or more`);
    this.#events.opened(idle);
  }
}
