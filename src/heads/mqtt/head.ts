import type { Duplex } from "node:stream";
import { ConnectionLogs } from "../../app/connection-log.ts";
import type { HubApi } from "../../app/hub.ts";
import type { Clock, Log } from "../../app/ports.ts";
import { FailedLogins } from "../../app/strangers/failed-logins.ts";
import { defaultStrangerLimits } from "../../app/strangers/limits.ts";
import type { Peer, ProtocolHead, StreamAcceptor } from "../head.ts";
import { Connection } from "./connection.ts";
import { type MqttLimits, defaultLimits } from "./limits.ts";
import { FlushTurn } from "./output.ts";
import type { Services } from "./services.ts";
import { TrackingIds } from "./tracking-ids.ts";

export interface MqttHeadOptions {
  readonly hub: HubApi;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<MqttLimits> | undefined;
  /** Shared with the other heads; one of its own if missing. */
  readonly failedLogins?: FailedLogins | undefined;
  /** Whether clients may ask for faults by message; true unless given (spec/mqtt §14). */
  readonly faultInjection?: boolean | undefined;
}

/**
 * Devices and modules over MQTT 3.1.1 (spec/mqtt). Opens no ports: it takes over byte streams, from TLS
 * listeners and WebSockets.
 */
export function createMqttHead(options: MqttHeadOptions): ProtocolHead & StreamAcceptor {
  const { hub, clock, log } = options;
  const limits = { ...defaultLimits, ...options.limits };
  return new MqttHead({
    hub,
    clock,
    log,
    limits,
    faultInjection: options.faultInjection ?? true,
    turn: new FlushTurn(),
    failedLogins: options.failedLogins ?? new FailedLogins(clock, defaultStrangerLimits),
    trackingIds: new TrackingIds(clock),
  });
}

class MqttHead implements ProtocolHead, StreamAcceptor {
  readonly name = "mqtt";
  readonly #services: Services;
  readonly #connections = new Set<Connection>();
  #state: "accepting" | "stopped" = "stopped";
  #onEmpty: () => void = () => {};
  readonly #logs: ConnectionLogs;

  constructor(services: Services) {
    this.#services = services;
    this.#logs = new ConnectionLogs("mqtt", services.log, services.clock);
  }

  async start(): Promise<void> {
    this.#state = "accepting";
  }

  accept(stream: Duplex, peer: Peer): void {
    const { limits, log } = this.#services;
    if (this.#state === "stopped" || this.#connections.size >= limits.connections) {
      log.warn({ address: peer.address, state: this.#state }, "MQTT connection not accepted");
      stream.on("error", () => {});
      stream.destroy();
      return;
    }
    const services = { ...this.#services, log: this.#logs.next() };
    const connection = new Connection(services, stream, peer, () => {
      this.#connections.delete(connection);
      if (this.#connections.size === 0) this.#onEmpty();
    });
    this.#connections.add(connection);
  }

  /** Requests that were accepted are finished and answered; wills are not published. */
  async stop(): Promise<void> {
    this.#state = "stopped";
    if (this.#connections.size === 0) return;
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    for (const connection of this.#connections) connection.close("hubStopping");
    await empty;
  }
}
