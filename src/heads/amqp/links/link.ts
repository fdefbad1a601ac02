import type { CloseReason } from "../../../app/ports.ts";
import type { NewMessage } from "../../../domain/messages/telemetry.ts";
import type { Principal } from "../../../app/principal.ts";
import type { Right } from "../../../domain/identity/policy.ts";
import type { Address, AddressKind } from "../addresses.ts";
import type { AmqpMessage } from "../codec/message.ts";
import type { AmqpValue } from "../codec/values.ts";
import type { Claims } from "../claims.ts";
import type { AmqpError } from "../errors.ts";
import type { MessageEncoder } from "../frames/transfer-page.ts";
import type { Faults } from "../faults.ts";
import type { IdentityLinks } from "../identity-links.ts";
import type { Services } from "../services.ts";
import type { Peer } from "../../head.ts";

/** Seen from the hub: on an inbound link the client sends, on an outbound one the hub does. */
export type Direction = "inbound" | "outbound";

/** What the client asked for with its attach, parsed. */
export interface Attach {
  readonly name: string;
  readonly direction: Direction;
  readonly address: Address;
  /** The address as it stood on the wire. */
  readonly addressText: string;
  /** Link properties by name, e.g. `com.microsoft:client-version`. */
  readonly properties: ReadonlyMap<string, AmqpValue>;
  /** The source's filter set; a described value stands without its descriptor (spec/amqp §13.5). */
  readonly filter: ReadonlyMap<string, AmqpValue>;
  readonly desiredCapabilities: readonly string[];
  /** 1: the client asks the sender to settle first. */
  readonly sndSettleMode: number | null;
  /** 1: the client as receiver waits for the hub to settle second (spec/amqp §6.4, §11.3). */
  readonly rcvSettleMode: number | null;
}

/** How a delivery ends (spec/amqp §11.3). */
export type Outcome =
  | { readonly kind: "accepted" }
  | { readonly kind: "released" }
  /** Counts as released, with a failed delivery if it says so. */
  | { readonly kind: "modified"; readonly deliveryFailed: boolean }
  | { readonly kind: "rejected"; readonly error: AmqpError };

export const accepted: Outcome = { kind: "accepted" };

/** A complete message as it came, within the link's size limit. */
export interface Delivery {
  readonly bytes: Uint8Array;
  /** 0, or 0x80013700 for a batch (spec/amqp §7.2). */
  readonly format: number;
  /** Throws ArgumentInvalid if the bytes are not a message: the delivery is then rejected. */
  decode(): AmqpMessage;
}

export interface Reception {
  readonly outcome: Outcome;
  /** Runs when the disposition is on the wire: a reply must never overtake it (spec/amqp §2.3 rule 1). */
  readonly afterwards?: (() => void) | undefined;
}

/** Messages that come together and are accepted together. */
export interface Together {
  /**
   * The message that goes from `start` to the end of a frame; views of the frame may be kept until it is durable. Undefined
   * for one that has to go to `receive`, and for all that `receive` would refuse.
   */
  read(frame: Buffer, start: number): NewMessage | undefined;
  /** In the order of arrival; resolves when all are durable. Refused together, in the ways of `receive`. */
  send(messages: readonly NewMessage[]): Promise<unknown>;
}

/** The client sends, the hub receives. */
export interface InboundLink {
  readonly direction: "inbound";
  /**
   * In bytes, as the attach says. A message that is larger by more than `limits.envelopeBytes` is rejected with
   * amqp:link:message-size-exceeded and never reaches `receive`.
   */
  readonly maxMessageSize: number;
  /** Deliveries that may be unsettled at a time. */
  readonly credit: number;
  /**
   * One delivery, in the order of arrival; the next may come before this one has resolved. Resolve when the outcome is
   * final: the delivery is then settled. A `HubError` becomes a rejection; anything else that is thrown is a bug, and
   * is rejected with amqp:internal-error.
   */
  receive(delivery: Delivery): Promise<Reception>;
  /** Another way for ordinary messages, which costs less; missing where there is none. */
  readonly together?: Together | undefined;
  /** Once, when the link has gone for whatever reason. */
  ended(): void;
}

/** The hub sends, the client receives. */
export interface OutboundLink {
  readonly direction: "outbound";
  /** Messages may be sent, or there is more room than before: after the attach, new credit, drained output. */
  roomChanged(): void;
  /**
   * The client has given an unsettled delivery its outcome. Resolve when it has been acted on; what is given back is the
   * hub's own final state for clients that settle second. Not called for deliveries that were sent settled, nor for
   * those that were unsettled when the link ended: `ended` gives them back.
   */
  outcome?(tag: string, outcome: Outcome): Promise<Outcome>;
  ended(): void;
}

export type OpenLink = InboundLink | OutboundLink;

/** What a handler may do with its own link. Everything is ignored once the link has ended. */
export interface LinkPort {
  readonly attach: Attach;
  /** Why the link has gone; `clientDisconnected` unless the hub has ended it for a reason of its own. */
  readonly endedBy: CloseReason;
  /**
   * Outbound: how many messages may be sent now. Within the client's credit, the head's bounds for unsettled deliveries
   * and for output that the peer has not taken yet (spec/amqp §13.6).
   */
  readonly room: number;
  /** The client's credit as it is now, whatever the output is like. 0 before the attach was answered. */
  readonly credit: number;
  /** Sends one message; to be called only while `room` is above 0. Settled unless `unsettledTag` (16 bytes) is given. */
  send(message: AmqpMessage, unsettledTag?: Uint8Array): void;
  /**
   * Sends settled messages in this order, as many as there is room for, and says how many: they leave together, without an
   * object for each.
   */
  sendEach<T>(messages: readonly T[], encoder: MessageEncoder<T>): number;
  /**
   * Sends a settled message as soon as there is room, in the order of the calls. More than `waitingAnswers` that wait
   * detach the link.
   */
  reply(message: AmqpMessage): void;
  /** Detaches (closed) with an error; `ended` follows. */
  detach(error: AmqpError): void;
}

/** What a link handler finds around it. */
export interface LinkContext {
  readonly services: Services;
  readonly peer: Peer;
  readonly port: LinkPort;
  /** Tokens that the peer has put, and its certificate. */
  readonly claims: Claims;
  /** Identities that live on this connection (device and module links). */
  readonly identities: IdentityLinks;
  /** What identities of this connection have asked to suffer. */
  readonly faults: Faults;
  /**
   * A caller proven by SASL or by put-token whose token covers `path` (decoded, with a leading slash) and whose policy
   * has `right`, for service and Event Hubs links. The link is detached when that token ends without renewal. Refuses
   * with IotHubUnauthorizedAccess.
   */
  caller(path: string, right: Right): Promise<Principal>;
  /**
   * The outbound link of the same session (or else of the same connection) at an address of this kind: where a
   * request-response node (`$cbs`, `$management`) sends its replies, with `reply`.
   */
  replyPort(kind: AddressKind): LinkPort | undefined;
}

/**
 * Opens one kind of link. Called once for each attach; the attach is answered when it has resolved. Refuse by
 * throwing: a `HubError` (errors.ts says which condition it becomes) or an `AmqpRefusal` with the condition itself.
 * The client then sees an attach without termini and a detach with the error (spec/amqp §14.2).
 */
export type OpenHandler = (context: LinkContext, attach: Attach) => Promise<OpenLink>;
