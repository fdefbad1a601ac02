import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { ClientCertificate } from "../../domain/identity/credentials.ts";
import type { Peer } from "../head.ts";

/** Certificates of a chain that are handed on, leaf included. */
const maxChain = 10;

/** What the caller of a request showed in its handshake, leaf first; undefined if nothing, or if there was none. */
export function certificateOfCaller(socket: Socket): ClientCertificate | undefined {
  return socket instanceof TLSSocket ? certificateOf(socket) : undefined;
}

/** What the transport knows about whoever opened a WebSocket. */
export function peerOf(socket: Socket): Peer {
  const address = `${socket.remoteAddress ?? "unknown"}:${socket.remotePort ?? 0}`;
  const certificate = certificateOfCaller(socket);
  return { address, transport: "websocket", certificate };
}

function certificateOf(socket: TLSSocket): ClientCertificate | undefined {
  const chain: Uint8Array[] = [];
  let next = socket.getPeerCertificate(true);
  while (next?.raw !== undefined && chain.length < maxChain) {
    chain.push(next.raw);
    // A root is its own issuer.
    if (next.issuerCertificate === next) break;
    next = next.issuerCertificate;
  }
  return chain.length > 0 ? { chain } : undefined;
}
