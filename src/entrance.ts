import type { Server as NetServer, Socket } from "node:net";
import type { Clock, Log } from "./app/ports.ts";
import type { Doors, Visitor } from "./app/strangers/doors.ts";
import { type StrangerLimits, defaultStrangerLimits } from "./app/strangers/limits.ts";
import type { StrangerConfig } from "./config/schema.ts";
import type { Milliseconds } from "./domain/time.ts";

/** A connection that was let in, below TLS: a TLS socket can't be reset and does not tell its own. */
export interface Arrival {
  readonly socket: Socket;
  readonly visitor: Visitor;
  /** Ends the wait for its handshake; `stream` is the TLS socket. */
  readonly handshaken: (stream: Socket) => void;
  /** Ends the connection. */
  readonly end: () => void;
}

/** As `remoteAddress:remotePort`. */
export function addressOf(socket: Socket): string {
  return `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`;
}

/** What the entrance of one listener needs. */
export interface EntranceParts {
  readonly doors: Doors;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a peer may take for its TLS handshake (spec/mqtt §1.1). */
  readonly handshakeTimeout: Milliseconds;
}

const entrances = new WeakMap<NetServer, ReadonlyMap<string, Arrival>>();

/** Ends what is still open on a listener whose head has stopped, such as connections that never shook hands. */
export function dropArrivals(server: NetServer): void {
  for (const arrival of entrances.get(server)?.values() ?? []) arrival.end();
}

/**
 * Lets connections of a TLS listener in only as far as the doors have room, before anything is spent on a handshake.
 * The result has those that are open, by their peers' addresses; who hears of a handshake tells its arrival.
 */
export function guardEntrance(
  server: NetServer,
  { doors, clock, log, handshakeTimeout }: EntranceParts,
): ReadonlyMap<string, Arrival> {
  const arrivals = new Map<string, Arrival>();
  entrances.set(server, arrivals);
  const secure = server.listeners("connection");
  // The listener of TLS must not see a connection that is refused: it takes its socket over.
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    const address = addressOf(socket);
    let secured: Socket | undefined;
    // From its handshake on the TLS socket owns the one below, which would never tell it of its own end.
    const end = (): void => void (secured ?? socket).destroy();
    const visitor = doors.enter(address, end);
    if (visitor === undefined) {
      log.debug({ address }, "connection refused: too many of its address, or in all");
      socket.on("error", () => undefined);
      socket.resetAndDestroy();
      return;
    }
    const cancel = clock.after(handshakeTimeout, () => {
      log.debug({ address }, "TLS handshake not ended in time");
      end();
    });
    const handshaken = (stream: Socket): void => {
      secured = stream;
      cancel();
    };
    const arrival = { socket, visitor, handshaken, end };
    arrivals.set(address, arrival);
    socket.once("close", () => {
      cancel();
      visitor.left();
      if (arrivals.get(address) === arrival) arrivals.delete(address);
    });
    for (const listener of secure) listener.call(server, socket);
  });
  return arrivals;
}

/** The limits for strangers with what the configuration changes. */
export function strangerLimits(config: StrangerConfig = {}): StrangerLimits {
  const { handshakeSeconds, signInSeconds, headersSeconds, bodySeconds, ...counts } = config;
  const times = {
    handshakeTimeout: handshakeSeconds,
    signInTimeout: signInSeconds,
    headersTimeout: headersSeconds,
    bodyTimeout: bodySeconds,
  };
  const changed = Object.entries(times).flatMap(([name, seconds]) =>
    seconds === undefined ? [] : [[name, seconds * 1000]],
  );
  return { ...defaultStrangerLimits, ...counts, ...Object.fromEntries(changed) };
}
