import type { Duplex } from "node:stream";
import type { Visitor } from "../../app/strangers/doors.ts";

/** A socket of TLS does not tell to which connection it belongs: the listener says so here. */
const visitors = new WeakMap<Duplex, Visitor>();

/** Says which visitor is at the other end of a listener's socket. */
export function bindVisitor(socket: Duplex, visitor: Visitor): void {
  visitors.set(socket, visitor);
}

/** The peer of a request or a WebSocket has proven who it is. */
export function visitorIsKnown(socket: Duplex): void {
  visitors.get(socket)?.authenticated();
}
