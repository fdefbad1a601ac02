import { constants } from "node:crypto";
import { type Server as HttpsServer, createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Server as NetServer } from "node:net";
import {
  DEFAULT_CIPHERS,
  type TLSSocket,
  type TlsOptions,
  type Server as TlsServer,
  createServer as createTlsServer,
} from "node:tls";
import type { ClientCertificate } from "./domain/identity/credentials.ts";
import type { Peer, StreamAcceptor } from "./heads/head.ts";
import { type EntranceParts, addressOf, dropArrivals, guardEntrance } from "./entrance.ts";
import type { HttpHead } from "./heads/http/head.ts";
import { bindVisitor } from "./heads/http/visitors.ts";

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

/** What all listeners share. */
export interface ListenerParts extends EntranceParts {
  readonly tls: TlsMaterial;
}

/** A client certificate is asked for and never required: who it is, is decided by the protocol (spec/mqtt §1.1). */
function tlsOptions({ tls: { key, cert } }: ListenerParts): TlsOptions {
  return {
    key: [...key],
    cert: [...cert],
    minVersion: "TLSv1.2",
    ciphers,
    requestCert: true,
    rejectUnauthorized: false,
    // Node would read its own 140 roots, and check certificates against them that the hub checks by its registered CAs.
    ca: [],
    // None of Node's, which tells of its end and leaves the connection open: the entrance has one for each connection.
    handshakeTimeout: -1,
    noDelay: true,
    // A resumed session would not carry the certificates between a client's own and its CA.
    // Before TLS 1.3 a peer could ask for handshake after handshake on one connection.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  };
}

/** Serves the certificates of `parts` to connections that are yet to come. */
export function renewCertificates(server: TlsServer, parts: ListenerParts): void {
  server.setSecureContext(tlsOptions(parts));
}

/** TLS from the first byte; each connection is handed to `head`. */
export function tlsListener(parts: ListenerParts, head: StreamAcceptor): TlsServer {
  const { log } = parts;
  const server = createTlsServer(tlsOptions(parts), (socket) => {
    // Until the head takes over, a reset must not be an uncaught error.
    socket.on("error", (error) => log.debug({ err: error }, "connection failed"));
    const address = addressOf(socket);
    const arrival = arrivals.get(address);
    arrival?.handshaken(socket);
    // Each member by name: objects that are put together by spreading cost more than the rest of this function.
    const peer: Peer = {
      address,
      transport: "tls",
      certificate: clientCertificate(socket),
      authenticated: arrival?.visitor.authenticated,
      reset: () => arrival?.socket.resetAndDestroy(),
    };
    head.accept(socket, peer);
  });
  const arrivals = guardEntrance(server, parts);
  server.on("tlsClientError", (error) => log.debug({ err: error }, "TLS handshake failed"));
  return server;
}

/** One HTTPS port for REST and for both protocols over WebSocket. */
export function httpsListener(parts: ListenerParts, head: HttpHead): HttpsServer {
  const { log } = parts;
  const server = createHttpsServer({ ...head.serverOptions, ...tlsOptions(parts) });
  server.prependListener("secureConnection", (socket) => {
    const arrival = arrivals.get(addressOf(socket));
    if (arrival === undefined) return;
    arrival.handshaken(socket);
    bindVisitor(socket, arrival.visitor);
  });
  const arrivals = guardEntrance(server, parts);
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
    if (!server.listening) return resolve();
    server.close(() => resolve());
    dropArrivals(server);
  });
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
