import type { Server as NetServer, Socket } from "node:net";
import type { Log } from "./app/ports.ts";
import type { Doors, Visitor } from "./app/strangers/doors.ts";
import { type StrangerLimits, defaultStrangerLimits } from "./app/strangers/limits.ts";
import type { StrangerConfig } from "./config/schema.ts";

/** A connection that was let in, below TLS: a TLS socket can't be reset and does not tell its own. */
export interface Arrival {
  readonly socket: Socket;
  readonly visitor: Visitor;
}

/** As `remoteAddress:remotePort`. */
export function addressOf(socket: Socket): string {
  return `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`;
}

/**
 * Lets connections of a TLS listener in only as far as the doors have room, before anything is spent on a handshake.
 * The result has those that are open, by their peers' addresses.
 */
export function guardEntrance(
  server: NetServer,
  doors: Doors,
  log: Log,
): ReadonlyMap<string, Arrival> {
  const arrivals = new Map<string, Arrival>();
  const secure = server.listeners("connection");
  // The listener of TLS must not see a connection that is refused: it takes its socket over.
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    const address = addressOf(socket);
    const visitor = doors.enter(address, () => socket.destroy());
    if (visitor === undefined) {
      log.debug({ address }, "connection refused: too many of its address, or in all");
      socket.on("error", () => undefined);
      socket.resetAndDestroy();
      return;
    }
    const arrival = { socket, visitor };
    arrivals.set(address, arrival);
    socket.once("close", () => {
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
