import type { Duplex } from "node:stream";
import { ConnectionLogs } from "../../app/connection-log.ts";
import type { HubApi } from "../../app/hub.ts";
import type { Clock, Log, Random } from "../../app/ports.ts";
import { FailedLogins } from "../../app/strangers/failed-logins.ts";
import { defaultStrangerLimits } from "../../app/strangers/limits.ts";
import type { Peer, ProtocolHead, StreamAcceptor } from "../head.ts";
import type * as Protocol from "./connection.ts";
import { PartitionReaders } from "./event-hubs/readers.ts";
import { type AmqpLimits, defaultLimits } from "./limits.ts";
import type { Services } from "./services.ts";
import { TrackingIds } from "./tracking-ids.ts";

/** AMQP over TLS. */
const usualPort = 5671;

export interface AmqpHeadOptions {
  readonly hub: HubApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits?: Partial<AmqpLimits> | undefined;
  /** Shared with the other heads; one of its own if missing. */
  readonly failedLogins?: FailedLogins | undefined;
  /** Whether clients may ask for faults by message; true unless given (spec/amqp §15). */
  readonly faultInjection?: boolean | undefined;
  /** The port at which clients reach the head, asked for when it is needed; 5671 if missing. */
  readonly port?: (() => number) | undefined;
}

/**
 * Devices, modules and services over AMQP 1.0 (spec/amqp). Opens no ports: it takes over byte streams, from TLS
 * listeners and WebSockets.
 */
export function createAmqpHead(options: AmqpHeadOptions): ProtocolHead & StreamAcceptor {
  const { hub, clock, random, log } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const trackingIds = new TrackingIds(clock, random);
  const readers = new PartitionReaders();
  const port = options.port ?? (() => usualPort);
  const faultInjection = options.faultInjection ?? true;
  const failedLogins = options.failedLogins ?? new FailedLogins(clock, defaultStrangerLimits);
  const shared = { hub, clock, random, log, limits, failedLogins };
  return new AmqpHead({ ...shared, trackingIds, readers, faultInjection, port });
}

/** What runs a connection, with the library below it: loaded when the first one comes, for many hubs see none. */
let protocol: typeof Protocol | undefined;

class AmqpHead implements ProtocolHead, StreamAcceptor {
  readonly name = "amqp";
  readonly #services: Services;
  readonly #connections = new Set<Protocol.Connection>();
  /** Streams that came while the protocol was being loaded; they are not read meanwhile. */
  readonly #waiting = new Set<Duplex>();
  #state: "accepting" | "stopped" = "stopped";
  #onEmpty: () => void = () => undefined;
  readonly #logs: ConnectionLogs;

  constructor(services: Services) {
    this.#services = services;
    this.#logs = new ConnectionLogs("amqp", services.log, services.clock);
  }

  async start(): Promise<void> {
    this.#state = "accepting";
  }

  accept(stream: Duplex, peer: Peer): void {
    const { limits, log } = this.#services;
    const count = this.#connections.size + this.#waiting.size;
    if (this.#state === "stopped" || count >= limits.connections) {
      log.warn({ address: peer.address, state: this.#state }, "AMQP connection not accepted");
      stream.on("error", () => undefined);
      stream.destroy();
      return;
    }
    if (protocol === undefined) void this.#acceptLater(stream, peer);
    else this.#open(protocol, stream, peer);
  }

  async #acceptLater(stream: Duplex, peer: Peer): Promise<void> {
    const ignore = (): void => undefined;
    stream.on("error", ignore);
    this.#waiting.add(stream);
    try {
      protocol = await import("./connection.ts");
    } catch (error) {
      this.#services.log.error({ err: error }, "the AMQP protocol could not be loaded");
      stream.destroy();
    }
    this.#waiting.delete(stream);
    if (protocol === undefined || stream.destroyed) return;
    this.#open(protocol, stream, peer);
    stream.off("error", ignore);
  }

  #open(loaded: typeof Protocol, stream: Duplex, peer: Peer): void {
    const services = { ...this.#services, log: this.#logs.next() };
    const connection = new loaded.Connection(services, stream, peer, () => {
      this.#connections.delete(connection);
      if (this.#connections.size === 0) this.#onEmpty();
    });
    this.#connections.add(connection);
  }

  /** Deliveries that were accepted are finished and settled. */
  async stop(): Promise<void> {
    this.#state = "stopped";
    for (const stream of this.#waiting) stream.destroy();
    if (this.#connections.size === 0) return;
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    for (const connection of this.#connections) connection.close("hubStopping");
    await empty;
  }
}
