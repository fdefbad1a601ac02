import type { Duplex } from "node:stream";
import type { CloseReason } from "../../app/ports.ts";
import { HubError } from "../../domain/errors.ts";
import { keyText } from "../../domain/identity/key.ts";
import type { Fault } from "../../domain/messages/fault.ts";
import { FrameGuard } from "../../wire/frame-guard.ts";
import type { Peer } from "../head.ts";
import { closings } from "./closing.ts";
import { type ConnectOutcome, connect } from "./connect.ts";
import { decode } from "./decode.ts";
import { dispatch } from "./dispatch.ts";
import { encodeConnack } from "./encode.ts";
import { meaningOf } from "./errors.ts";
import { HubLink } from "./hub-link.ts";
import { type SessionControl, openSession } from "./open-session.ts";
import type { TelemetryBurst } from "./operations/telemetry-burst.ts";
import { publishWill } from "./operations/will.ts";
import { Output } from "./output.ts";
import { malformed } from "./packet-reader.ts";
import type { ConnectPacket, InboundPacket } from "./packets.ts";
import type { Services } from "./services.ts";
import type { Accepted, OpenSession } from "./session.ts";
import { WorkQueue } from "./work-queue.ts";

type State =
  | { readonly name: "awaitingConnect" }
  | { readonly name: "authenticating" }
  | { readonly name: "open"; readonly session: OpenSession }
  /** Finishes requests that were accepted; reads nothing more. */
  | { readonly name: "draining"; readonly session: OpenSession; readonly reason: CloseReason }
  /** Waits for the peer to close. */
  | { readonly name: "closing"; readonly reason: CloseReason }
  | { readonly name: "closed"; readonly reason: CloseReason };

function ignore(): void {}

/** One MQTT connection, from accept to the end of its stream. */
export class Connection {
  readonly #services: Services;
  readonly #stream: Duplex;
  readonly #peer: Peer;
  readonly #onGone: () => void;
  readonly #guard: FrameGuard;
  readonly #output: Output;
  readonly #work: WorkQueue;
  readonly #link: HubLink;
  #state: State = { name: "awaitingConnect" };
  /** Settled when no CONNECT is being answered. */
  #connecting: Promise<void> = Promise.resolve();
  /** The stream is paused until there is room for requests. */
  #isHeld = false;
  /** Nothing more comes from the peer. */
  #isOver = false;
  #lastPacketAt: number;
  #cancelTimer: () => void;
  /** What the client has asked for; one fault at a time. */
  #fault: { readonly type: Fault["type"]; readonly cancel: () => void } | undefined;

  /** `onGone` is called once, when the stream has closed and the hub knows of the end. */
  constructor(services: Services, stream: Duplex, peer: Peer, onGone: () => void) {
    const { clock, limits, turn } = services;
    this.#services = services;
    this.#stream = stream;
    this.#peer = peer;
    this.#onGone = onGone;
    this.#guard = new FrameGuard(limits.connectPacketBytes);
    this.#output = new Output(stream, turn, limits.outputBytes, {
      onOverflow: () => this.close("slowReader"),
      onTaken: () => this.#link.outputTaken(),
    });
    this.#work = new WorkQueue({
      maxRequests: limits.inFlight,
      maxBytes: limits.inFlightBytes,
      onAnswered: () => {
        // Otherwise everything that came was read, and whatever comes next makes itself known.
        if (this.#isHeld || this.#isOver || this.#state.name !== "open") this.#proceed();
      },
      onBug: (error) => this.#fail(error),
    });
    this.#link = new HubLink(peer.transport, limits.earlyDesired, (reason) => this.close(reason));
    this.#lastPacketAt = clock.now();
    this.#cancelTimer = clock.after(limits.connectDeadline, () => this.#checkTime());
    this.#listen();
  }

  #listen(): void {
    this.#stream.on("data", (chunk: Buffer) => {
      if (this.#state.name === "closing" || this.#state.name === "draining") return;
      this.#guard.push(chunk);
      this.#proceed();
    });
    const over = (): void => {
      this.#isOver = true;
      this.#proceed();
    };
    this.#stream.on("end", over);
    this.#stream.on("error", (error: Error) => {
      this.#services.log.debug({ address: this.#peer.address, err: error }, "stream error");
    });
    this.#stream.on("close", () => {
      over();
      // Node keeps closed TLS sockets until a full collection: this connection need not be copied and marked with them.
      this.#stream.removeAllListeners();
      this.#stream.on("error", ignore);
    });
  }

  /** Ends the connection. Only the first reason counts; a second call ends the wait for accepted requests. */
  close(reason: CloseReason): void {
    const state = this.#state;
    switch (state.name) {
      case "authenticating":
        if (reason === "hubStopping") this.#output.write(encodeConnack(3, false));
        return this.#leave(reason, undefined);
      case "awaitingConnect":
        return this.#leave(reason, undefined);
      case "open":
        this.#link.ended();
        this.#fault?.cancel();
        this.#guard.clear();
        if (!closings[reason].drain || this.#work.idle) return this.#leave(reason, state.session);
        this.#state = { name: "draining", session: state.session, reason };
        this.#setTimer(this.#services.limits.drain);
        this.#stream.resume();
        return;
      case "draining":
        return this.#leave(state.reason, state.session);
      case "closing":
      case "closed":
        return;
    }
  }

  /** Goes on as far as the state, the bytes at hand and the requests in progress allow. */
  #proceed(): void {
    try {
      this.#readPackets();
    } catch (error) {
      this.#fail(error);
    }
    const state = this.#state;
    if (state.name === "draining" && this.#work.idle) this.#leave(state.reason, state.session);
    if (this.#state.name === "closing" && this.#stream.closed) this.#gone(this.#state.reason);
  }

  #readPackets(): void {
    let isAllRead = false;
    try {
      isAllRead = this.#takePackets();
    } finally {
      // Also before a packet that ends the connection is told of.
      this.#burst?.send();
    }
    if (isAllRead) return this.#awaitInput();
    // Back-pressure: whatever has come stays in the guard, the rest with the peer (spec/mqtt §12).
    if (this.#state.name !== "open" && this.#state.name !== "authenticating") return;
    this.#isHeld = true;
    this.#stream.pause();
  }

  /** False if something is at hand that may not be read yet. */
  #takePackets(): boolean {
    const guard = this.#guard;
    for (let read = 0; this.#mayRead(); read++) {
      if (!guard.advance()) return true;
      if (read === 0) this.#lastPacketAt = this.#services.clock.now();
      const burst = this.#burst;
      if (burst?.take(guard.bytes, guard.start, guard.end) === true) continue;
      burst?.send();
      this.#handle(decode(guard.packet()), guard.end - guard.start);
    }
    return false;
  }

  #mayRead(): boolean {
    const state = this.#state;
    if (state.name !== "open") return state.name === "awaitingConnect";
    const { count, bytes } = state.session.burst;
    return !this.#work.fullWith(count, bytes);
  }

  get #burst(): TelemetryBurst | undefined {
    return this.#state.name === "open" ? this.#state.session.burst : undefined;
  }

  #awaitInput(): void {
    if (this.#stream.readableEnded || this.#stream.destroyed) {
      // Everything that the peer has sent before it went is done first.
      if (this.#work.idle) this.close("networkLost");
    } else if (this.#isHeld) {
      this.#isHeld = false;
      this.#stream.resume();
    }
  }

  #handle(packet: InboundPacket, size: number): void {
    if (this.#state.name === "open") {
      const { session } = this.#state;
      return dispatch(session, this.#work, packet, size, () => this.close("clientDisconnected"));
    }
    switch (packet.type) {
      case "connect":
        this.#state = { name: "authenticating" };
        this.#connecting = this.#connect(packet).catch((error: unknown) => this.#fail(error));
        return;
      case "unsupportedConnect":
        this.#output.write(encodeConnack(1, false)); // [MQTT-3.1.2-2]
        return this.close("protocolError");
      case "publish":
      case "puback":
      case "subscribe":
      case "unsubscribe":
      case "pingreq":
      case "disconnect":
        throw malformed("The first packet is not CONNECT"); // [MQTT-3.1.0-1]
    }
  }

  async #connect(packet: ConnectPacket): Promise<void> {
    const outcome = await connect(this.#services, this.#peer, this.#link, packet);
    if (outcome.kind === "refused") return this.#refuse(outcome);
    const { accepted } = outcome;
    const state = this.#state;
    // The connection has ended meanwhile: the hub has to hear of that.
    if (state.name === "closing" || state.name === "closed")
      return accepted.opened.ended(state.reason);
    this.#open(accepted);
  }

  #refuse({ code, delay }: Extract<ConnectOutcome, { kind: "refused" }>): void {
    if (this.#state.name !== "authenticating") return;
    const answer = (): void => {
      this.#output.write(encodeConnack(code, false));
      this.close("protocolError"); // [MQTT-3.2.2-5]
    };
    if (delay === 0) return answer();
    this.#cancelTimer();
    this.#cancelTimer = this.#services.clock.after(delay, answer);
  }

  #open(accepted: Accepted): void {
    const { opened } = accepted;
    const { limits, log } = this.#services;
    const control: SessionControl = {
      write: (packet) => this.#write(packet),
      backlog: () => this.#output.backlog,
      fail: (error) => this.#fail(error),
      inject: (fault) => this.#inject(fault),
    };
    const session = openSession(this.#services, accepted, control, this.#work);
    this.#state = { name: "open", session };
    this.#peer.authenticated?.();
    this.#guard.limit = limits.packetBytes;
    this.#checkTime();
    log.info(
      { identity: keyText(opened.principal.key), address: this.#peer.address },
      "MQTT connection opened",
    );
    this.#write(encodeConnack(0, opened.sessionPresent)); // [MQTT-3.2.0-1] before anything else
    this.#link.opened(session);
    this.#proceed();
  }

  #inject({ type, delay }: Fault): void {
    if (this.#fault !== undefined) return;
    const cancel = this.#services.clock.after(delay, () => this.close("faultInjection"));
    this.#fault = { type, cancel };
  }

  #write(packet: Buffer): void {
    if (this.#state.name === "open" || this.#state.name === "draining") this.#output.write(packet);
  }

  #fail(error: unknown): void {
    const { close } = meaningOf(error);
    const { log } = this.#services;
    const { name } = this.#state;
    const fields = { address: this.#peer.address, state: name, reason: close };
    if (error instanceof HubError)
      log.info({ ...fields, error: error.name, detail: error.message }, "MQTT connection refused");
    else log.error({ ...fields, err: error }, "MQTT connection failed");
    this.close(close);
  }

  /** One timer per connection: the CONNECT deadline, then silence and the token's end, whichever is first. */
  #checkTime(): void {
    const now = this.#services.clock.now();
    const state = this.#state;
    switch (state.name) {
      case "awaitingConnect":
      case "authenticating":
        return this.close("keepAliveExpired");
      case "open": {
        // While the head does not read, silence says nothing about the peer.
        if (this.#work.full) this.#lastPacketAt = now;
        const { expires, keepAlive } = state.session;
        const silentAt = this.#lastPacketAt + keepAlive;
        if (now >= expires) return this.close("tokenExpired");
        if (now >= silentAt) return this.close("keepAliveExpired");
        return this.#setTimer(Math.min(expires, silentAt) - now);
      }
      case "draining":
        return this.#leave(state.reason, state.session);
      case "closing":
        // Slow to close is the same as gone.
        this.#stream.destroy();
        return;
      case "closed":
        return;
    }
  }

  #setTimer(delay: number): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#services.clock.after(delay, () => this.#checkTime());
  }

  #leave(reason: CloseReason, session: OpenSession | undefined): void {
    const { will, abort } = closings[reason];
    this.#state = { name: "closing", reason };
    this.#guard.clear();
    this.#work.dropWaiting();
    if (session !== undefined) {
      const identity = keyText(session.principal.key);
      this.#services.log.info({ identity, reason }, "MQTT connection ended");
      if (will) publishWill(session);
      session.opened.ended(reason);
    }
    const isReset = reason === "faultInjection" && this.#fault?.type === "KillTcp";
    if (isReset || abort) {
      this.#output.discard();
      if (isReset) this.#peer.reset?.();
      this.#stream.destroy(isReset ? new Error("The client has asked for a reset") : undefined);
    } else {
      this.#output.flush();
      this.#stream.end();
      // What still arrives is thrown away, so that the peer sees an orderly end and not a reset.
      this.#stream.resume();
    }
    this.#setTimer(this.#services.limits.linger);
    if (this.#stream.closed) this.#gone(reason);
  }

  #gone(reason: CloseReason): void {
    this.#state = { name: "closed", reason };
    this.#cancelTimer();
    void this.#connecting.then(this.#onGone);
  }
}
