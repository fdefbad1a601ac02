import type { Duplex } from "node:stream";
import type { CloseReason } from "../../app/ports.ts";
import { HubError, errorNumbers } from "../../domain/errors.ts";
import type { Peer } from "../head.ts";
import { Claims } from "./claims.ts";
import { closings } from "./closing.ts";
import { Engine } from "./engine.ts";
import { type AmqpError, type Condition, describe, toHubError } from "./errors.ts";
import { Faults } from "./faults.ts";
import { FrameGuard, header, isHeader, protocolOf } from "./frame-guard.ts";
import { IdentityLinks } from "./identity-links.ts";
import { LinkTable } from "./link-table.ts";
import { Output } from "./output.ts";
import { Port } from "./port.ts";
import { type SaslInit, readInit, writeMechanisms, writeOutcome } from "./sasl.ts";
import { proveSasl } from "./sasl-plain.ts";
import type { Services } from "./services.ts";

type State =
  /** Waits for the protocol header: SASL's or, before or after that, AMQP's. */
  | { readonly name: "awaitingHeader"; readonly sasl: "possible" | "done" }
  | { readonly name: "awaitingSaslInit" }
  | { readonly name: "authenticating" }
  /** The AMQP layer runs; `since` is when the peer's `open` came. */
  | { readonly name: "open"; readonly since: number | undefined }
  /** Finishes deliveries that were accepted; reads nothing more. */
  | { readonly name: "draining"; readonly reason: CloseReason }
  /** Has ended the sessions and waits for the peer's `close`, for a bounded time. */
  | { readonly name: "ending"; readonly reason: CloseReason; readonly error: AmqpError | undefined }
  /** Waits for the peer to close the stream. */
  | { readonly name: "closing"; readonly reason: CloseReason }
  | { readonly name: "closed"; readonly reason: CloseReason };

/** One AMQP connection, from accept to the end of its stream. */
export class Connection {
  readonly #services: Services;
  readonly #stream: Duplex;
  readonly #peer: Peer;
  readonly #onGone: () => void;
  readonly #guard: FrameGuard;
  readonly #output: Output;
  readonly #claims: Claims;
  readonly #identities: IdentityLinks;
  readonly #links: LinkTable;
  readonly #faults: Faults;
  readonly #engine: Engine;
  readonly #acceptedAt: number;
  #state: State = { name: "awaitingHeader", sasl: "possible" };
  #lastReadAt: number;
  #lastWriteAt: number;
  /** How often the peer wants to hear something; infinity if it did not say. */
  #heartbeat = Number.POSITIVE_INFINITY;
  #cancelTimer: () => void;

  /** `onGone` is called once, when the stream has closed and the hub knows of the end. */
  constructor(services: Services, stream: Duplex, peer: Peer, onGone: () => void) {
    const { clock, limits, hub } = services;
    this.#services = services;
    this.#stream = stream;
    this.#peer = peer;
    this.#onGone = onGone;
    this.#guard = new FrameGuard(limits.earlyFrameBytes);
    this.#output = new Output(stream, limits, {
      room: () => this.#links.roomChanged(),
      overflow: () => this.close("slowReader"),
    });
    this.#claims = new Claims(services, peer, (claim) => {
      this.#checkTime();
      this.#identities.claimRenewed(claim);
    });
    this.#identities = new IdentityLinks(services, peer, this.#claims, {
      closeConnection: (reason) => this.close(reason),
      detach: (port, reason) => {
        if (port instanceof Port) this.#links.detachFor(port, reason);
      },
    });
    this.#faults = this.#createFaults();
    this.#links = new LinkTable({
      services,
      peer,
      claims: this.#claims,
      identities: this.#identities,
      faults: this.#faults,
      engine: () => this.#engine,
      congested: () => this.#output.congested,
      worked: () => this.#proceed(),
    });
    this.#engine = new Engine(services, hub.hostNames[0] ?? "localhost", this.#engineEvents());
    this.#acceptedAt = clock.now();
    this.#lastReadAt = this.#acceptedAt;
    this.#lastWriteAt = this.#acceptedAt;
    this.#cancelTimer = clock.after(limits.openDeadline, () => this.#checkTime());
    this.#listen();
  }

  #createFaults(): Faults {
    const ifOpen = (action: () => void): void => {
      if (this.#state.name === "open") action();
    };
    return new Faults(this.#services, {
      reset: () => ifOpen(() => this.#leave("faultInjection", "reset")),
      close: (error) =>
        ifOpen(() => {
          if (error === undefined) this.#leave("faultInjection", "no error");
          else this.#end("faultInjection", error);
        }),
      endSessions: (key, error) => ifOpen(() => this.#links.endSessions(key, error)),
      detach: (links, error) => ifOpen(() => this.#links.detachChosen(links, error)),
    });
  }

  #engineEvents(): ConstructorParameters<typeof Engine>[2] {
    const links = (): LinkTable => this.#links;
    return {
      opened: (idleTimeOut) => this.#opened(idleTimeOut),
      closed: () => this.#closedByPeer(),
      write: (frame) => this.#write(frame),
      attached: (link) => {
        if (this.#state.name === "open") links().attached(link);
      },
      detached: (link) => links().detached(link),
      sessionEnded: (session) => links().sessionEnded(session),
      delivered: (delivery, bytes) => links().delivered(delivery, bytes),
      outcome: (delivery, event) => links().outcome(delivery, event),
      flowed: (session) => links().roomChanged(session),
      isStranger: () => !this.#claims.proven,
      maxMessageSize: (link) => links().maxMessageSize(link),
      oversized: (delivery) => links().oversized(delivery),
      failed: (error) => this.#fail(error),
    };
  }

  #closedByPeer(): void {
    const state = this.#state;
    if (state.name === "ending") this.#leave(state.reason, state.error);
    else this.#leave("clientDisconnected", undefined);
  }

  #listen(): void {
    this.#stream.on("data", (chunk: Buffer) => {
      const { name } = this.#state;
      if (name === "draining" || name === "closing" || name === "closed") return;
      this.#guard.push(chunk);
      this.#proceed();
    });
    this.#stream.on("end", () => this.#proceed());
    this.#stream.on("error", (error: Error) => {
      this.#services.log.debug({ address: this.#peer.address, err: error }, "stream error");
    });
    this.#stream.on("close", () => this.#proceed());
  }

  /** Ends the connection. Only the first reason counts; a second call ends the wait for accepted deliveries. */
  close(reason: CloseReason, error?: AmqpError): void {
    switch (this.#state.name) {
      case "awaitingHeader":
      case "awaitingSaslInit":
      case "authenticating":
        return this.#leave(reason, error);
      case "open":
        if (reason !== "hubStopping" || this.#links.inFlight.none) return this.#end(reason, error);
        this.#state = { name: "draining", reason };
        this.#setTimer(this.#services.limits.drain);
        this.#stream.resume();
        return;
      case "draining":
        return this.#end(this.#state.reason, error);
      case "ending":
        return this.#leave(this.#state.reason, error ?? this.#state.error);
      case "closing":
      case "closed":
        return;
    }
  }

  /**
   * Ends a connection that was open. Where the peer is not at fault, its sessions are ended with the error and the
   * closing is left to it: the Node SDK goes on at once then, while after a `close` from the hub it waits for 45
   * seconds for answers that cannot come.
   */
  #end(reason: CloseReason, error: AmqpError | undefined): void {
    const gently = endsGently[reason] && this.#engine.isOpen;
    if (!gently) return this.#leave(reason, error);
    this.#state = { name: "ending", reason, error };
    this.#faults.stop();
    this.#identities.endAll(reason);
    this.#links.endAll();
    const { condition, errorCode, message } = closings[reason];
    this.#setTimer(this.#services.limits.linger);
    const shown = error ?? describe(this.#services, condition, errorCode, message);
    if (!this.#engine.endSessions(shown)) this.#leave(reason, error);
  }

  /** Goes on as far as the state, the bytes at hand and the deliveries in progress allow. */
  #proceed(): void {
    try {
      this.#readFrames();
    } catch (error) {
      this.#fail(error);
    }
    const state = this.#state;
    if (state.name === "draining" && this.#links.inFlight.none) this.#end(state.reason, undefined);
    if (this.#state.name === "closing" && this.#stream.closed) this.#gone(this.#state.reason);
  }

  #readFrames(): void {
    let isAllRead = false;
    try {
      isAllRead = this.#takeFrames();
    } finally {
      // Also before a frame that ends the connection is told of.
      this.#links.burst.send();
    }
    if (isAllRead) return this.#awaitInput();
    // Back-pressure: whatever has come stays in the guard, the rest with the peer.
    const { name } = this.#state;
    if (name === "open" || name === "authenticating") this.#stream.pause();
  }

  /** False if something is at hand that may not be read yet. */
  #takeFrames(): boolean {
    const { burst } = this.#links;
    const now = this.#services.clock.now();
    while (this.#mayRead()) {
      const frame = this.#guard.next();
      if (frame === undefined) return true;
      this.#lastReadAt = now;
      if (this.#state.name === "open" && burst.take(frame)) continue;
      burst.send();
      this.#handle(frame);
    }
    return false;
  }

  #mayRead(): boolean {
    switch (this.#state.name) {
      case "awaitingHeader":
      case "awaitingSaslInit":
        return true;
      case "open":
        return !this.#links.inFlight.full;
      case "ending":
        return true;
      case "authenticating":
      case "draining":
      case "closing":
      case "closed":
        return false;
    }
  }

  #awaitInput(): void {
    if (!this.#stream.readableEnded && !this.#stream.destroyed) this.#stream.resume();
    else this.close("networkLost");
  }

  #handle(frame: Buffer): void {
    switch (this.#state.name) {
      case "awaitingHeader":
        return this.#begin(frame, this.#state.sasl);
      case "awaitingSaslInit":
        this.#state = { name: "authenticating" };
        this.#authenticate(frame).catch((error: unknown) => this.#fail(error));
        return;
      case "open":
      case "ending":
        if (isHeader(frame)) throw protocolError("A protocol header where a frame should be");
        return this.#engine.input(frame);
      case "authenticating":
      case "draining":
      case "closing":
      case "closed":
        return;
    }
  }

  #begin(bytes: Buffer, sasl: "possible" | "done"): void {
    switch (protocolOf(bytes)) {
      case 0:
        this.#state = { name: "open", since: undefined };
        return this.#engine.input(bytes);
      case 3:
        if (sasl === "done") throw protocolError("SASL has been done");
        this.#write(header(3));
        this.#write(writeMechanisms());
        this.#state = { name: "awaitingSaslInit" };
        return;
      default:
        // AMQP 1.0 §2.2: the answer names what the server speaks.
        this.#write(header(3));
        throw protocolError("The protocol header is neither AMQP's nor SASL's, version 1.0.0");
    }
  }

  async #authenticate(frame: Buffer): Promise<void> {
    const init = readInit(frame);
    const proven = await proveSasl(this.#services, this.#peer, this.#claims, init);
    if (this.#state.name !== "authenticating") return;
    if (!proven) return this.#refuseSasl(init);
    this.#write(writeOutcome(0));
    this.#state = { name: "awaitingHeader", sasl: "done" };
    this.#proceed();
  }

  #refuseSasl(init: SaslInit): void {
    const { clock, failedLogins } = this.#services;
    const answer = (): void => {
      if (this.#state.name !== "authenticating") return;
      this.#write(writeOutcome(1));
      this.close("protocolError");
    };
    const delay = failedLogins.refused(
      this.#peer.address,
      init.kind === "plain" ? init.username : "",
    );
    if (delay === 0) answer();
    else clock.after(delay, answer);
  }

  #opened(idleTimeOut: number): void {
    const { clock, limits } = this.#services;
    this.#guard.limit = limits.frameBytes;
    this.#heartbeat = idleTimeOut > 0 ? idleTimeOut / 2 : Number.POSITIVE_INFINITY;
    this.#state = { name: "open", since: clock.now() };
    this.#checkTime();
  }

  #write(frame: Buffer): void {
    this.#lastWriteAt = this.#services.clock.now();
    this.#output.write(frame);
  }

  #fail(error: unknown): void {
    const { log } = this.#services;
    const { name } = this.#state;
    if (name === "closing" || name === "closed") return;
    const fields = { address: this.#peer.address, state: name };
    const text = error instanceof Error ? error.message.slice(0, 300) : "unknown failure";
    log.info({ ...fields, detail: text }, "AMQP connection failed");
    log.debug({ ...fields, err: error }, "AMQP connection failed");
    const reason = error instanceof HubError && error.name === "MessageTooLarge";
    this.close(reason ? "messageTooLarge" : "protocolError", this.#protocolFailure(error));
  }

  #protocolFailure(error: unknown): AmqpError {
    const condition: Condition =
      error instanceof HubError && error.status === 429
        ? "amqp:resource-limit-exceeded"
        : "amqp:connection:framing-error";
    const message =
      error instanceof HubError ? toHubError(error).message : "The client has broken the protocol";
    return describe(this.#services, condition, errorNumbers.GenericBadRequest, message);
  }

  /** One timer per connection: for deadlines, silence, heartbeats and the end of claims, whichever is first. */
  #checkTime(): void {
    const now = this.#services.clock.now();
    const state = this.#state;
    switch (state.name) {
      case "awaitingHeader":
      case "awaitingSaslInit":
      case "authenticating":
        return this.#checkDeadline(this.#acceptedAt, now);
      case "open":
        if (state.since === undefined) return this.#checkDeadline(this.#acceptedAt, now);
        return this.#checkOpen(state.since, now);
      case "draining":
        return this.#end(state.reason, undefined);
      case "ending":
        return this.#leave(state.reason, state.error);
      case "closing":
        // Slow to close is the same as gone.
        this.#stream.destroy();
        return;
      case "closed":
        return;
    }
  }

  #checkDeadline(since: number, now: number): void {
    const deadline = since + this.#services.limits.openDeadline;
    if (now >= deadline) this.close("keepAliveExpired");
    else this.#setTimer(deadline - now);
  }

  #checkOpen(since: number, now: number): void {
    const { idleTimeOut, openDeadline } = this.#services.limits;
    for (const claim of this.#claims.expire(now)) {
      this.#identities.claimEnded(claim);
      this.#links.claimEnded(claim);
      if (this.#state.name !== "open") return;
      const left = this.#claims.size + this.#identities.size;
      if (left === 0) return this.close("tokenExpired");
    }
    // While the head does not read, silence says nothing about the peer.
    if (this.#links.inFlight.full) this.#lastReadAt = now;
    const silentAt = this.#lastReadAt + 2 * idleTimeOut;
    if (now >= silentAt) return this.close("keepAliveExpired");
    if (now >= this.#lastWriteAt + this.#heartbeat) this.#engine.heartbeat();
    const idle = this.#claims.size + this.#identities.size + this.#links.size === 0;
    // A stranger gains no time by sending, nor by links that need no proof.
    const isStranger = !this.#claims.proven;
    const usedAt = isStranger ? since : Math.max(since, this.#lastReadAt);
    const unusedAt = idle || isStranger ? usedAt + openDeadline : Infinity;
    if (now >= unusedAt) return this.close("keepAliveExpired");
    const next = Math.min(
      silentAt,
      Math.min(unusedAt, now + openDeadline),
      this.#lastWriteAt + this.#heartbeat,
      this.#claims.firstExpiry,
    );
    this.#setTimer(Math.max(1, next - now));
  }

  #setTimer(delay: number): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#services.clock.after(delay, () => this.#checkTime());
  }

  #leave(reason: CloseReason, how: AmqpError | "no error" | "reset" | undefined): void {
    this.#state = { name: "closing", reason };
    this.#guard.clear();
    this.#faults.stop();
    this.#identities.endAll(reason);
    this.#links.endAll();
    const isReset = how === "reset";
    if (!isReset)
      this.#engine.close(how === "no error" ? undefined : (how ?? this.#closeError(reason)));
    if (isReset || reason === "slowReader") {
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

  #closeError(reason: CloseReason): AmqpError | undefined {
    if (reason === "clientDisconnected" || reason === "networkLost") return undefined;
    const { condition, errorCode, message } = closings[reason];
    const forced = condition === "amqp:link:detach-forced" ? "amqp:connection:forced" : condition;
    return describe(this.#services, forced, errorCode, message);
  }

  #gone(reason: CloseReason): void {
    this.#cancelTimer();
    this.#state = { name: "closed", reason };
    this.#onGone();
  }
}

/** Reasons for which the peer is given the time to close by itself. */
const endsGently: Record<CloseReason, boolean> = {
  newerConnection: true,
  tokenExpired: true,
  identityDisabled: true,
  identityDeleted: true,
  credentialsChanged: true,
  faultInjection: true,
  hubStopping: true,
  hubError: true,
  clientDisconnected: false,
  networkLost: false,
  keepAliveExpired: false,
  protocolError: false,
  messageTooLarge: false,
  slowReader: false,
};

function protocolError(message: string): HubError {
  return new HubError("IotHubFormatError", message);
}
