import { constants } from "node:crypto";
import { type Server as HttpsServer, createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Server as NetServer, Socket } from "node:net";
import {
  DEFAULT_CIPHERS,
  type TLSSocket,
  type TlsOptions,
  type Server as TlsServer,
  createServer as createTlsServer,
} from "node:tls";
import type { Log } from "./app/ports.ts";
import type { ClientCertificate } from "./domain/identity/credentials.ts";
import type { Peer, StreamAcceptor } from "./heads/head.ts";
import type { HttpHead } from "./heads/http/head.ts";

/** How long a peer may take for its TLS handshake, in milliseconds (spec/mqtt §1.1). */
const handshakeTimeout = 60_000;

/** Certificates that a peer may show at the most: leaf, intermediates, root. */
const maxChain = 10;

/**
 * With TLS 1.3 AES-128 first: its SHA-256 makes handshakes cheaper than the SHA-384 of AES-256. Before TLS 1.3 the
 * cipher decides the key: the ECDSA one signs several times cheaper than RSA.
 */
const ciphers = [
  "TLS_AES_128_GCM_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  ...DEFAULT_CIPHERS.split(":").filter((name) => name !== "TLS_AES_128_GCM_SHA256"),
].join(":");

export interface TlsMaterial {
  readonly key: readonly string[];
  readonly cert: readonly string[];
}

/** A client certificate is asked for and never required: who it is, is decided by the protocol (spec/mqtt §1.1). */
function tlsOptions({ key, cert }: TlsMaterial): TlsOptions {
  return {
    key: [...key],
    cert: [...cert],
    minVersion: "TLSv1.2",
    ciphers,
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout,
    noDelay: true,
    // A resumed session would not carry the certificates between a client's own and its CA.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

/** TLS from the first byte; each connection is handed to `head`. */
export function tlsListener(tls: TlsMaterial, head: StreamAcceptor, log: Log): TlsServer {
  const server = createTlsServer(tlsOptions(tls), (socket) => {
    // Until the head takes over, a reset must not be an uncaught error.
    socket.on("error", (error) => log.debug({ err: error }, "connection failed"));
    const { address, ...peer } = peerOf(socket);
    head.accept(socket, { ...peer, address, reset: () => tcp.get(address)?.resetAndDestroy() });
  });
  const tcp = tcpSockets(server);
  server.on("tlsClientError", (error) => log.debug({ err: error }, "TLS handshake failed"));
  return server;
}

/** The open sockets below TLS, by their peers' addresses: a TLS socket can't be reset and does not tell its own. */
function tcpSockets(server: NetServer): ReadonlyMap<string, Socket> {
  const sockets = new Map<string, Socket>();
  server.on("connection", (socket: Socket) => {
    const address = addressOf(socket);
    sockets.set(address, socket);
    socket.once("close", () => {
      if (sockets.get(address) === socket) sockets.delete(address);
    });
  });
  return sockets;
}

/** One HTTPS port for REST and for both protocols over WebSocket. */
export function httpsListener(tls: TlsMaterial, head: HttpHead, log: Log): HttpsServer {
  const server = createHttpsServer({ ...head.serverOptions, ...tlsOptions(tls) });
  server.on("tlsClientError", (error) => log.debug({ err: error }, "TLS handshake failed"));
  head.attach(server);
  return server;
}

export function listen(server: NetServer, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host }, () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

export function close(server: NetServer): Promise<void> {
  return new Promise((resolve) => {
    if (!server.listening) resolve();
    else server.close(() => resolve());
  });
}

function peerOf(socket: TLSSocket): Peer {
  const certificate = clientCertificate(socket);
  return {
    address: addressOf(socket),
    transport: "tls",
    ...(certificate === undefined ? {} : { certificate }),
  };
}

function addressOf(socket: Socket): string {
  return `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`;
}

/** What the peer showed in its handshake, leaf first; undefined if it showed nothing. */
export function clientCertificate(socket: TLSSocket): ClientCertificate | undefined {
  const chain: Uint8Array[] = [];
  let certificate = socket.getPeerCertificate(true);
  while (certificate?.raw !== undefined && chain.length < maxChain) {
    chain.push(certificate.raw);
    if (certificate.issuerCertificate === certificate) break;
    certificate = certificate.issuerCertificate;
  }
  return chain.length === 0 ? undefined : { chain };
}
