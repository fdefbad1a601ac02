import type { Duplex } from "node:stream";
import type { ClientCertificate } from "../domain/identity/credentials.ts";

/** A protocol adapter: bytes on one side, `HubApi` on the other. */
export interface ProtocolHead {
  readonly name: string;
  start(): Promise<void>;
  /** Stops accepting, ends connections, resolves when all of them are gone. */
  stop(): Promise<void>;
}

/** What the transport knows about a peer before its first byte. */
export interface Peer {
  /** Address and port, for logs. */
  readonly address: string;
  readonly transport: "tls" | "websocket";
  /** Tells the doors of the hub that the peer has proven who it is: it counts as a stranger until then. */
  readonly authenticated?: (() => void) | undefined;
  /** Cuts the connection with a TCP reset, where the transport can: destroying the stream is an orderly end there. */
  readonly reset?: (() => void) | undefined;
  /** Present if the peer showed one; it has not been verified. */
  readonly certificate?: ClientCertificate | undefined;
}

/** Takes over a byte stream: from a TLS listener, a WebSocket, or a test. */
export interface StreamAcceptor {
  accept(stream: Duplex, peer: Peer): void;
}
