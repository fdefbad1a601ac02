import type { CloseReason } from "../../app/ports.ts";
import type { Principal } from "../../app/principal.ts";
import { errorNumbers } from "../../domain/errors.ts";
import { type IdentityKey, keyText } from "../../domain/identity/key.ts";
import type { Right } from "../../domain/identity/policy.ts";
import type { Peer } from "../head.ts";
import type { AddressKind } from "./addresses.ts";
import { readAttach } from "./attach.ts";
import type { Claims } from "./claims.ts";
import { closings } from "./closing.ts";
import { decodeMessage } from "./codec/decode.ts";
import type { Engine } from "./engine.ts";
import { type AmqpError, amqpError, describe } from "./errors.ts";
import type { Faults, LinkChoice } from "./faults.ts";
import type { IdentityLinks } from "./identity-links.ts";
import { InFlight } from "./in-flight.ts";
import { openLink } from "./links/handlers.ts";
import type { InboundLink, LinkContext, OpenLink, Outcome, Reception } from "./links/link.ts";
import { readOutcome, writeOutcome, type outcomeEvents } from "./outcomes.ts";
import { Port, type PortOwner } from "./port.ts";
import type { RheaDelivery, RheaLink, RheaSession } from "./rhea/types.ts";
import { Deliveries } from "./rhea/deliveries.ts";
import type { Services } from "./services.ts";
import { isWindowLow } from "./rhea/count-transfers.ts";
import { type BurstOwner, TransferBurst } from "./transfer-burst.ts";

export interface LinkTableOptions {
  readonly services: Services;
  readonly peer: Peer;
  readonly claims: Claims;
  readonly identities: IdentityLinks;
  readonly faults: Faults;
  readonly engine: () => Engine;
  /** True while the peer is behind with taking what the hub sends. */
  readonly congested: () => boolean;
  /** The hub has finished with a delivery: there is room, or nothing left to wait for. */
  readonly worked: () => void;
}

/** The links of one connection and the deliveries on them. */
export class LinkTable implements PortOwner, BurstOwner {
  readonly limits;
  readonly inFlight: InFlight;
  /** Messages that pass by the library. */
  readonly burst: TransferBurst;
  readonly #options: LinkTableOptions;
  readonly #ports = new Map<RheaLink, Port>();
  /** Links that live by a claim, by its id. */
  readonly #byClaim = new Map<string, Set<Port>>();
  readonly #oversized = new WeakSet<RheaDelivery>();

  constructor(options: LinkTableOptions) {
    this.#options = options;
    this.limits = options.services.limits;
    this.inFlight = new InFlight(this.limits);
    this.burst = new TransferBurst(this);
  }

  get size(): number {
    return this.#ports.size;
  }

  get engine(): () => Engine {
    return this.#options.engine;
  }

  write(frame: Buffer): void {
    this.#options.engine().write(frame);
  }

  get worked(): () => void {
    return this.#options.worked;
  }

  portOf(link: RheaLink): Port | undefined {
    return this.#ports.get(link);
  }

  get congested(): boolean {
    return this.#options.congested();
  }

  maxMessageSize(link: RheaLink): number {
    const handler = this.#ports.get(link)?.handler;
    const size = handler?.direction === "inbound" ? handler.maxMessageSize : 0;
    return size + this.limits.envelopeBytes;
  }

  /** The client attaches: the answer waits until the link is authorised and open. */
  attached(link: RheaLink): void {
    link.state.local_open = false;
    link.state.open_requests = 0;
    const port = new Port(this, link, readAttach(link));
    this.#ports.set(link, port);
    this.#open(port).catch((error: unknown) => {
      this.#options.services.log.error({ err: error }, "an AMQP link could not be opened");
    });
  }

  async #open(port: Port): Promise<void> {
    const { services } = this.#options;
    let handler: OpenLink;
    try {
      handler = await openLink(this.#contextOf(port), port.attach);
    } catch (error) {
      const fields = { address: port.attach.addressText.slice(0, 300) };
      return this.#refuse(port, amqpError(services, error, fields));
    }
    if (port.ended) return handler.ended();
    this.#confirm(port, handler);
  }

  #confirm(port: Port, handler: OpenLink): void {
    const { link, attach } = port;
    const { local } = link;
    const { source, target, initial_delivery_count } = link.remote.attach ?? {};
    link.set_source(terminus(source?.address));
    link.set_target(terminus(target?.address));
    local.attach.properties = {};
    if (attach.sndSettleMode !== null) local.attach.snd_settle_mode = attach.sndSettleMode;
    if (handler.direction === "inbound") {
      // The hub settles at once, whatever the client has asked for (spec/amqp §6.4).
      if (attach.rcvSettleMode !== null) local.attach.rcv_settle_mode = 0;
      local.attach.max_message_size = handler.maxMessageSize;
      if (typeof initial_delivery_count === "number") link.delivery_count = initial_delivery_count;
    } else if (attach.rcvSettleMode !== null) {
      local.attach.rcv_settle_mode = attach.rcvSettleMode;
    }
    port.opened(handler);
    link.open();
    if (handler.direction === "inbound") link.flow(handler.credit);
    // The attach has to be on the wire before the first transfer (spec/amqp §2.3 rule 2).
    this.#options.engine().process();
    port.roomChanged();
  }

  /** An attach without termini, then a detach with the error (spec/amqp §14.2). */
  #refuse(port: Port, error: AmqpError): void {
    if (!port.end()) return;
    this.#ports.delete(port.link);
    port.link.open();
    port.link.close(error);
    this.#options.engine().process();
  }

  /** The hub ends a link. */
  detach(port: Port, error: AmqpError): void {
    if (port.ended) return;
    const { handler } = port;
    if (handler === undefined) return this.#refuse(port, error);
    this.#forget(port);
    port.link.close(error);
    handler.ended();
  }

  detachFor(port: Port, reason: CloseReason): void {
    const { condition, errorCode, message } = closings[reason];
    this.detach(port, describe(this.#options.services, condition, errorCode, message));
  }

  /** Detaches the links that a fault names, as far as they are there. */
  detachChosen({ kind, direction, key }: LinkChoice, error: AmqpError): void {
    for (const port of this.#ports.values()) {
      const { address, direction: own } = port.attach;
      if (address.kind !== kind || own !== direction) continue;
      if (key !== null && !isOf(port, key)) continue;
      port.endedBy = "faultInjection";
      this.detach(port, error);
    }
  }

  /** Ends the sessions in which an identity has links, and nothing else of the connection. */
  endSessions(key: IdentityKey, error: AmqpError): void {
    const own = [...this.#ports.values()].filter((port) => isOf(port, key));
    const sessions = new Set(own.map(({ link }) => link.session));
    for (const port of this.#ports.values())
      if (sessions.has(port.link.session)) port.endedBy = "faultInjection";
    for (const session of sessions) {
      this.sessionEnded(session);
      session.close(error);
    }
  }

  overflow(port: Port): void {
    this.detachFor(port, "slowReader");
  }

  /** The client ends a link. */
  detached(link: RheaLink): void {
    const port = this.#ports.get(link);
    if (port === undefined) return;
    this.#forget(port);
    // The attach has not been answered yet: it is now, so that the detach can be.
    if (port.handler === undefined) link.open();
    port.handler?.ended();
  }

  sessionEnded(session: RheaSession): void {
    for (const port of this.#ports.values()) {
      if (port.link.session !== session) continue;
      this.#forget(port);
      port.handler?.ended();
    }
  }

  endAll(): void {
    for (const port of this.#ports.values()) {
      this.#forget(port);
      port.handler?.ended();
    }
  }

  /** A claim has expired: its links go. */
  claimEnded(claim: string): void {
    for (const port of this.#byClaim.get(claim) ?? []) this.detachFor(port, "tokenExpired");
    this.#byClaim.delete(claim);
  }

  /** Room may have come, in one session or, after the output has drained, in all. */
  roomChanged(session?: RheaSession): void {
    for (const port of this.#ports.values())
      if (session === undefined || port.link.session === session) port.roomChanged();
  }

  #forget(port: Port): void {
    port.end();
    this.#ports.delete(port.link);
    for (const ports of this.#byClaim.values()) ports.delete(port);
    const { session } = port.link;
    const { deliveries, next_pending_delivery } = session.outgoing;
    if (!(deliveries instanceof Deliveries)) return;
    for (const delivery of deliveries.ofLink(port.link)) {
      delivery.settled = true;
      delivery.remote_settled = true;
      // Ids of a session are consecutive: what was never sent cannot be left out.
      if (delivery.id >= next_pending_delivery) session.close(this.#windowClosed());
    }
  }

  #windowClosed(): AmqpError {
    const text = "A link has ended while its messages waited for the session's window";
    const { GenericBadRequest } = errorNumbers;
    return describe(
      this.#options.services,
      "amqp:session:window-violation",
      GenericBadRequest,
      text,
    );
  }

  #contextOf(port: Port): LinkContext {
    const { services, peer, claims, identities, faults } = this.#options;
    return {
      services,
      peer,
      port,
      claims,
      identities,
      faults,
      caller: (path, right) => this.#caller(port, path, right),
      replyPort: (kind) => this.#replyPort(port, kind),
    };
  }

  async #caller(port: Port, path: string, right: Right): Promise<Principal> {
    const { principal, claim } = await this.#options.claims.caller(path, right);
    if (claim !== null && !port.ended) {
      const ports = this.#byClaim.get(claim) ?? new Set();
      this.#byClaim.set(claim, ports.add(port));
    }
    return principal;
  }

  #replyPort(port: Port, kind: AddressKind): Port | undefined {
    const all = [...this.#ports.values()].filter(
      ({ attach, isOpen }) =>
        isOpen && attach.direction === "outbound" && attach.address.kind === kind,
    );
    return all.findLast(({ link }) => link.session === port.link.session) ?? all.at(-1);
  }

  oversized(delivery: RheaDelivery): void {
    this.#oversized.add(delivery);
  }

  /** A complete message has come. */
  delivered(delivery: RheaDelivery, bytes: Buffer): void {
    const port = this.#ports.get(delivery.link);
    const handler = port?.handler;
    if (port === undefined || handler?.direction !== "inbound") {
      delivery.settled = true;
      return;
    }
    port.unsettled++;
    this.inFlight.began(1, bytes.length);
    this.#receive(port, handler, delivery, bytes)
      .catch((error: unknown) => this.unsettled(error))
      .finally(() => {
        this.inFlight.ended(1, bytes.length);
        this.#options.worked();
      });
  }

  unsettled(error: unknown): void {
    this.#options.services.log.error({ err: error }, "an AMQP delivery could not be settled");
  }

  async #receive(
    port: Port,
    handler: InboundLink,
    delivery: RheaDelivery,
    bytes: Buffer,
  ): Promise<void> {
    const reception = await this.#handle(port, handler, delivery, bytes);
    port.unsettled--;
    if (port.ended) {
      delivery.settled = true;
      return;
    }
    // A rejection always reaches the wire as settled: some clients wait for that (spec/amqp §2.3 rule 3).
    this.#settle(delivery, reception.outcome);
    this.topUp(port, handler);
    if (reception.afterwards === undefined) return;
    this.#options.engine().process();
    reception.afterwards();
  }

  async #handle(
    port: Port,
    handler: InboundLink,
    delivery: RheaDelivery,
    bytes: Buffer,
  ): Promise<Reception> {
    const { services } = this.#options;
    try {
      if (this.#oversized.has(delivery)) return tooLarge(services, handler);
      const format = typeof delivery.format === "number" ? delivery.format : 0;
      return await handler.receive({ bytes, format, decode: () => decodeMessage(bytes) });
    } catch (error) {
      return { outcome: this.refusal(port, error) };
    }
  }

  refusal({ attach }: Port, error: unknown): Outcome {
    const fields = { link: attach.addressText.slice(0, 300) };
    return { kind: "rejected", error: amqpError(this.#options.services, error, fields) };
  }

  /**
   * Writes the final state. The library joins the first two dispositions of a tick whatever their states are, so that
   * a rejection would be told as accepted: anything but accepted goes alone.
   */
  #settle(delivery: RheaDelivery, outcome: Outcome): void {
    const alone = outcome.kind !== "accepted";
    if (alone) this.#options.engine().process();
    delivery.update(true, writeOutcome(outcome));
    if (alone) this.#options.engine().process();
  }

  topUp({ link, unsettled }: Port, handler: InboundLink): void {
    const missing = handler.credit - link.credit - unsettled;
    if (missing >= Math.max(1, handler.credit / 4)) link.flow(missing);
    else if (isWindowLow(link)) this.#options.engine().process();
  }

  /** The client's outcome for what the hub has sent. */
  outcome(delivery: RheaDelivery, event: (typeof outcomeEvents)[number] | "settled"): void {
    const port = this.#ports.get(delivery.link);
    const handler = port?.handler;
    if (port === undefined || handler?.direction !== "outbound") return;
    if (!port.takeUnsettled(delivery)) return;
    const outcome: Outcome =
      event === "settled" ? { kind: "released" } : readOutcome(event, delivery.remote_state);
    const answered = handler.outcome?.(delivery.tag.toString("hex"), outcome);
    (answered ?? Promise.resolve(outcome))
      .catch((error: unknown) => this.refusal(port, error))
      .then((final) => {
        if (!port.ended && !delivery.remote_settled) this.#settle(delivery, final);
        delivery.settled = true;
        delivery.remote_settled = true;
        port.roomChanged();
      })
      .catch((error: unknown) => {
        this.#options.services.log.error({ err: error }, "an AMQP outcome could not be answered");
      });
  }
}

function isOf({ attach: { address } }: Port, key: IdentityKey): boolean {
  return "key" in address && keyText(address.key) === keyText(key);
}

function terminus(address: unknown): object {
  return typeof address === "string" ? { address } : {};
}

function tooLarge(services: Services, { maxMessageSize }: InboundLink): Reception {
  const text = `The message is larger than the limit of ${maxMessageSize} bytes`;
  const error = describe(
    services,
    "amqp:link:message-size-exceeded",
    errorNumbers.MessageTooLarge,
    text,
  );
  return { outcome: { kind: "rejected", error } };
}
