import type { OpenConnection } from "../../app/hub.ts";
import type { CloseReason, DeviceLink, MethodInvocation } from "../../app/ports.ts";
import { HubError } from "../../domain/errors.ts";
import { type IdentityKey, keyText } from "../../domain/identity/key.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { Peer } from "../head.ts";
import type { Claims } from "./claims.ts";
import type { LinkPort } from "./links/link.ts";
import type { Services } from "./services.ts";

/** What the links of one identity share. The handlers register what the hub asks of them here. */
export interface IdentityEntry {
  readonly key: IdentityKey;
  readonly opened: OpenConnection;
  /** The claim that proves the identity; `null` for a certificate. */
  readonly claim: string | null;
  /** The outbound twin link, while the client is subscribed to desired changes. */
  pushDesired: ((change: JsonObject, version: number) => void) | undefined;
  /** The link for cloud-to-device messages. */
  messagesWaiting: (() => void) | undefined;
  /** The link for method requests. */
  invoke: ((invocation: MethodInvocation) => () => void) | undefined;
  /** What a handler keeps between the links of a pair, by a name of its own. */
  readonly shared: Map<string, unknown>;
}

interface Slot {
  readonly key: IdentityKey;
  readonly entry: Promise<IdentityEntry>;
  readonly ports: Set<LinkPort>;
  opened: IdentityEntry | undefined;
  ended: CloseReason | undefined;
}

/** What the connection does when the hub or a token's end closes an identity. */
export interface IdentityEvents {
  /** The last identity was closed: nothing is left to live for. */
  closeConnection(reason: CloseReason): void;
  detach(port: LinkPort, reason: CloseReason): void;
}

/**
 * The identities that live on one connection (multiplexing): an identity comes with its first link and goes with its
 * last one (spec/amqp §6.5).
 */
export class IdentityLinks {
  readonly #services: Services;
  readonly #peer: Peer;
  readonly #claims: Claims;
  readonly #events: IdentityEvents;
  readonly #slots = new Map<string, Slot>();

  constructor(services: Services, peer: Peer, claims: Claims, events: IdentityEvents) {
    this.#services = services;
    this.#peer = peer;
    this.#claims = claims;
    this.#events = events;
  }

  get size(): number {
    return this.#slots.size;
  }

  /**
   * Adds a link to the identity, which is proven and connected if this is its first. Refuses as `Claims.identity` and
   * `Connections.open` do.
   */
  async join(key: IdentityKey, port: LinkPort): Promise<IdentityEntry> {
    const slot = this.#slots.get(keyText(key)) ?? this.#add(key, port);
    slot.ports.add(port);
    try {
      const entry = await slot.entry;
      if (slot.ended !== undefined) throw closedMeanwhile();
      return entry;
    } catch (error) {
      this.leave(key, port);
      throw error;
    }
  }

  /** Takes a link away; with the last one the identity is disconnected. */
  leave(key: IdentityKey, port: LinkPort): void {
    const slot = this.#slots.get(keyText(key));
    if (slot === undefined || !slot.ports.delete(port) || slot.ports.size > 0) return;
    this.#end(slot, port.endedBy);
  }

  /** Disconnects the identities that a claim has proven. */
  claimEnded(claim: string): void {
    for (const slot of this.#slots.values())
      if (slot.opened?.claim === claim) this.#close(slot, "tokenExpired");
  }

  /** Proves anew the identities that hang on a claim: its token may be signed with another key now. */
  claimRenewed(claim: string): void {
    for (const slot of this.#slots.values()) {
      const { opened } = slot;
      if (opened?.claim !== claim) continue;
      this.#claims.identity(slot.key).then(
        ({ principal }) => opened.opened.renewed(principal),
        // What is not proven any more is cut by the change that did it, or ends with its token.
        (error: unknown) =>
          this.#services.log.debug({ err: error, identity: keyText(slot.key) }, "not proven anew"),
      );
    }
  }

  /** The connection has ended. */
  endAll(reason: CloseReason): void {
    for (const slot of this.#slots.values()) this.#end(slot, reason);
  }

  #add(key: IdentityKey, port: LinkPort): Slot {
    const { limits } = this.#services;
    if (this.#slots.size >= limits.identities)
      throw new HubError(
        "ThrottleBacklogLimitExceeded",
        `The connection has ${limits.identities} devices and modules already, the limit`,
      );
    const slot: Slot = {
      key,
      ports: new Set(),
      entry: Promise.resolve().then(() => this.#open(slot, port)),
      opened: undefined,
      ended: undefined,
    };
    this.#slots.set(keyText(key), slot);
    return slot;
  }

  async #open(slot: Slot, port: LinkPort): Promise<IdentityEntry> {
    const { key } = slot;
    const { principal, claim } = await this.#claims.identity(key);
    const modelId = port.attach.properties.get("com.microsoft:model-id");
    const opened = await this.#services.hub.connections.open(principal, this.#deviceLink(slot), {
      clean: false,
      session: "none",
      ...(typeof modelId === "string" ? { modelId } : {}),
    });
    const entry: IdentityEntry = {
      key,
      opened,
      claim,
      pushDesired: undefined,
      messagesWaiting: undefined,
      invoke: undefined,
      shared: new Map(),
    };
    slot.opened = entry;
    // The identity was closed while it was being connected: the hub has to hear of that.
    if (slot.ended !== undefined) opened.ended(slot.ended);
    else
      this.#services.log.info(
        { identity: keyText(key), address: this.#peer.address },
        "AMQP identity connected",
      );
    return entry;
  }

  #deviceLink(slot: Slot): DeviceLink {
    return {
      protocol: this.#peer.transport === "tls" ? "amqp" : "amqp-ws",
      pushDesired: (change, version) => slot.opened?.pushDesired?.(change, version),
      close: (reason) => this.#close(slot, reason),
      messagesWaiting: () => slot.opened?.messagesWaiting?.(),
      invoke: (invocation) => slot.opened?.invoke?.(invocation) ?? (() => undefined),
    };
  }

  #close(slot: Slot, reason: CloseReason): void {
    if (slot.ended !== undefined) return;
    this.#end(slot, reason);
    // One error for the whole connection where nobody else lives on it: a client that sees detaches and a close in one
    // go may wait for answers that cannot come (measured with the Node SDK).
    if (this.#slots.size === 0) this.#events.closeConnection(reason);
    else for (const port of slot.ports) this.#events.detach(port, reason);
  }

  #end(slot: Slot, reason: CloseReason): void {
    if (slot.ended !== undefined) return;
    slot.ended = reason;
    if (this.#slots.get(keyText(slot.key)) === slot) this.#slots.delete(keyText(slot.key));
    if (slot.opened === undefined) return;
    slot.opened.opened.ended(reason);
    this.#services.log.info(
      { identity: keyText(slot.key), address: this.#peer.address, reason },
      "AMQP identity disconnected",
    );
  }
}

function closedMeanwhile(): HubError {
  return new HubError(
    "ConnectionForcefullyClosedOnNewConnection",
    "The device or module was disconnected while it connected",
  );
}
