import type { NewMessage } from "../../domain/messages/telemetry.ts";
import type { Engine } from "./engine.ts";
import { readTransfer } from "./frames/read-transfer.ts";
import { writeAccepted } from "./frames/write-accepted.ts";
import type { InFlight } from "./in-flight.ts";
import type { InboundLink, Outcome } from "./links/link.ts";
import type { Port } from "./port.ts";
import { countTransfer, settleTransfers } from "./rhea/count-transfers.ts";
import type { RheaLink } from "./rhea/types.ts";

/** What a burst needs of its connection. */
export interface BurstOwner {
  readonly inFlight: InFlight;
  readonly engine: () => Engine;
  portOf(link: RheaLink): Port | undefined;
  /** What a client is told whose deliveries could not be kept. */
  refusal(port: Port, error: unknown): Outcome;
  /** Gives the client credit anew, if it is due. */
  topUp(port: Port, handler: InboundLink): void;
  /** A bug: deliveries are left without an outcome. */
  unsettled(error: unknown): void;
  /** The hub has finished with deliveries. */
  readonly worked: () => void;
}

/** Deliveries of one link, whose ids follow each other. */
interface Taken {
  readonly port: Port;
  readonly handler: InboundLink;
  readonly first: number;
  readonly messages: NewMessage[];
  bytes: number;
}

/**
 * Messages that one read of the stream brings for one link. They pass by the library: its engine, which makes objects and
 * events for each transfer, costs several times as much as keeping them. They are one request to the hub with one answer,
 * and one disposition. Whatever is out of the ordinary is left to the library: `readTransfer`, `countTransfer` and the
 * link's `together.read` say what that is.
 *
 * Bounded by its owner, who reads no more while what is in flight is full.
 */
export class TransferBurst {
  readonly #owner: BurstOwner;
  #taken: Taken | undefined;

  constructor(owner: BurstOwner) {
    this.#owner = owner;
  }

  /** Takes a frame, if it is a transfer like most, and says so. Otherwise it is for the library, after `send`. */
  take(frame: Buffer): boolean {
    const transfer = readTransfer(frame);
    if (transfer === undefined) return false;
    const { channel, handle, deliveryId, start } = transfer;
    const link = this.#owner.engine().linkAt(channel, handle);
    const port = link === undefined ? undefined : this.#owner.portOf(link);
    const handler = port?.handler;
    if (port === undefined || handler?.direction !== "inbound") return false;
    const message = handler.together?.read(frame, start);
    if (message === undefined || !countTransfer(port.link, deliveryId)) return false;
    const bytes = frame.length - start;
    if (this.#taken?.port !== port) {
      this.send();
      this.#taken = { port, handler, first: deliveryId, messages: [], bytes: 0 };
    }
    this.#taken.messages.push(message);
    this.#taken.bytes += bytes;
    port.unsettled++;
    this.#owner.inFlight.began(1, bytes);
    return true;
  }

  /** Hands what was taken to the hub. */
  send(): void {
    const taken = this.#taken;
    if (taken === undefined) return;
    this.#taken = undefined;
    const { together } = taken.handler;
    if (together === undefined) return;
    together
      .send(taken.messages)
      .then(
        () => this.#finish(taken, () => this.#accept(taken)),
        (error: unknown) => this.#finish(taken, () => this.#refuse(taken, error)),
      )
      .catch((error: unknown) => this.#owner.unsettled(error));
  }

  #finish(taken: Taken, settle: () => void): void {
    const { port, handler, messages, bytes } = taken;
    const owner = this.#owner;
    settleTransfers(port.link, messages.length);
    port.unsettled -= messages.length;
    owner.inFlight.ended(messages.length, bytes);
    if (!port.ended) {
      settle();
      owner.topUp(port, handler);
    }
    owner.worked();
  }

  #accept({ port, first, messages }: Taken): void {
    const { channel } = port.link.session.local;
    const last = (first + messages.length - 1) >>> 0;
    this.#owner.engine().write(writeAccepted(channel, first, last));
  }

  /** One by one, as it would be if each had come alone. */
  #refuse({ port, first, messages }: Taken, error: unknown): void {
    const outcome = this.#owner.refusal(port, error);
    for (let id = first; id < first + messages.length; id++)
      this.#owner.engine().settle(port.link.session, id, outcome);
  }
}
