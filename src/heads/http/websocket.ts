import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { WebSocket, WebSocketServer } from "ws";
import type { Clock, Log } from "../../app/ports.ts";
import type { Peer, StreamAcceptor } from "../head.ts";
import type { HttpLimits } from "./limits.ts";
import { splitTarget } from "./paths.ts";
import { peerOf } from "./peer.ts";
import { visitorIsKnown } from "./visitors.ts";
import { WebSocketStream } from "./websocket-stream.ts";

export type Subprotocol = "mqtt" | "AMQPWSB10";

/** Clients of Event Hubs have a path of their own (spec/amqp §1). */
const socketPath = /(?:^|\/)\$(?:iothub|servicebus)\/websocket\/?$/;

/** Turns WebSocket upgrades into byte streams for the head whose sub-protocol was asked for (spec/mqtt §1.2). */
export class WebSocketGate {
  readonly #limits: HttpLimits;
  readonly #clock: Clock;
  readonly #log: Log;
  #server: WebSocketServer | undefined;
  #stopped = false;
  readonly #acceptors = new Map<string, StreamAcceptor>();
  readonly #streams = new Set<WebSocketStream>();

  constructor(limits: HttpLimits, clock: Clock, log: Log) {
    this.#limits = limits;
    this.#clock = clock;
    this.#log = log;
  }

  register(subprotocol: Subprotocol, acceptor: StreamAcceptor): void {
    this.#acceptors.set(subprotocol.toLowerCase(), acceptor);
  }

  /** Takes over the socket of an upgrade request, or answers it with an error and ends it. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { path } = splitTarget(request.url ?? "");
    if (!socketPath.test(decoded(path))) return refuse(socket, "404 Not Found");
    const protocol = this.#chosen(offeredBy(request));
    const acceptor = this.#acceptors.get(protocol?.toLowerCase() ?? "");
    if (acceptor === undefined) return refuse(socket, "400 Bad Request");
    const complete = (server: WebSocketServer): void => {
      if (this.#stopped || this.#streams.size >= this.#limits.webSockets)
        return refuse(socket, "503 Service Unavailable");
      server.handleUpgrade(request, socket, head, (webSocket) =>
        this.#open(webSocket, request, acceptor),
      );
    };
    if (this.#server === undefined) void this.#load(socket, complete);
    else complete(this.#server);
  }

  /** The first caller waits for the library: it brings Node's compression with it, which takes a start 10 ms. */
  async #load(socket: Duplex, complete: (server: WebSocketServer) => void): Promise<void> {
    const ignore = (): void => undefined;
    socket.on("error", ignore);
    try {
      const library = await import("ws");
      this.#server ??= new library.WebSocketServer({
        noServer: true,
        clientTracking: false,
        perMessageDeflate: false,
        maxPayload: this.#limits.webSocketMessageBytes,
        maxFragments: this.#limits.webSocketFragments,
        handleProtocols: (offered) => this.#chosen([...offered]) ?? false,
      });
      complete(this.#server);
    } catch (error) {
      this.#log.error({ err: error }, "a WebSocket could not be opened");
      refuse(socket, "503 Service Unavailable");
    }
    socket.off("error", ignore);
  }

  /** Ends the connections that are left; resolves when all are gone. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const gone = [...this.#streams].map(
      (stream) => new Promise<void>((resolve) => void stream.once("close", () => resolve())),
    );
    for (const stream of this.#streams) {
      stream.close(1001);
      stream.destroy();
    }
    await Promise.all(gone);
  }

  #open(webSocket: WebSocket, request: IncomingMessage, acceptor: StreamAcceptor): void {
    const stream = new WebSocketStream(webSocket, this.#clock, this.#limits.webSocketCloseTimeout);
    const { socket } = request;
    const isKnown = this.#limitStranger(webSocket, socket);
    const peer: Peer = { ...peerOf(socket), authenticated: isKnown };
    this.#streams.add(stream);
    stream.once("close", () => this.#streams.delete(stream));
    stream.on("error", (error) => {
      this.#log.debug({ peer: peer.address, reason: error.message }, "WebSocket ended");
    });
    acceptor.accept(stream, peer);
  }

  /** A message is put together before a head sees it: until its sender is known, that must not be much. */
  #limitStranger(webSocket: WebSocket, socket: Socket): () => void {
    let bytes = 0;
    const count = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > this.#limits.webSocketStrangerBytes) webSocket.terminate();
    };
    socket.on("data", count);
    return () => {
      socket.off("data", count);
      visitorIsKnown(socket);
    };
  }

  /** The first offer that a head has registered for, in the caller's spelling: clients compare it letter by letter. */
  #chosen(offered: readonly string[]): string | undefined {
    return offered.find((name) => this.#acceptors.has(name.toLowerCase()));
  }
}

function offeredBy(request: IncomingMessage): string[] {
  const header = request.headers["sec-websocket-protocol"] ?? "";
  return header.split(",").map((name) => name.trim());
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Ends an upgrade request without one. */
export function refuse(socket: Duplex, status: string): void {
  socket.on("error", () => undefined);
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
