import type { CloseReason } from "../../app/ports.ts";
import type { AmqpError } from "./errors.ts";
import { encodeMessage } from "./codec/encode.ts";
import type { AmqpMessage } from "./codec/message.ts";
import type { AmqpLimits } from "./limits.ts";
import type { Attach, LinkPort, OpenLink } from "./links/link.ts";
import { type MessageEncoder, TransferPage } from "./frames/transfer-page.ts";
import { tagBytes } from "./frames/write-transfer.ts";
import { countSettled, nextSettled } from "./rhea/count-transfers.ts";
import type { RheaDelivery, RheaLink } from "./rhea/types.ts";

/** What a port needs of its connection. */
export interface PortOwner {
  readonly limits: AmqpLimits;
  /** True while the output is congested. */
  readonly congested: boolean;
  /** Writes a frame that was made without the library. */
  write(frame: Buffer): void;
  /** Detaches the port's link. */
  detach(port: Port, error: AmqpError): void;
  /** Too many replies wait for the client's credit. */
  overflow(port: Port): void;
}

/** One link of a connection, from its attach to its end. */
export class Port implements LinkPort {
  readonly attach: Attach;
  readonly link: RheaLink;
  endedBy: CloseReason = "clientDisconnected";
  readonly #owner: PortOwner;
  /** Messages that the session's window holds back: their ids and sizes. */
  readonly #unsent: { readonly id: number; readonly bytes: number }[] = [];
  readonly #replies: AmqpMessage[] = [];
  /** Outbound: what the client has not given an outcome yet. */
  readonly #withClient = new Set<RheaDelivery>();
  #sent = 0;
  /** The first delivery that had not left when the port was last found full. */
  #askedAt: number | undefined;
  #state: "opening" | "open" | "ended" = "opening";
  #handler: OpenLink | undefined;
  /** Inbound: deliveries that the handler works on. */
  unsettled = 0;

  constructor(owner: PortOwner, link: RheaLink, attach: Attach) {
    this.#owner = owner;
    this.link = link;
    this.attach = attach;
  }

  get handler(): OpenLink | undefined {
    return this.#handler;
  }

  get ended(): boolean {
    return this.#state === "ended";
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** The attach has been answered. */
  opened(handler: OpenLink): void {
    this.#state = "open";
    this.#handler = handler;
  }

  /** The link has gone; true the first time. */
  end(): boolean {
    if (this.#state === "ended") return false;
    this.#state = "ended";
    this.#replies.length = 0;
    this.#withClient.clear();
    return true;
  }

  /** True the first time that the client tells of a delivery that was sent unsettled. */
  takeUnsettled(delivery: RheaDelivery): boolean {
    return this.#withClient.delete(delivery);
  }

  get credit(): number {
    return this.#state === "open" ? Math.max(0, this.link.credit) : 0;
  }

  get room(): number {
    return this.#replies.length > 0 ? 0 : this.#roomNow();
  }

  send(message: AmqpMessage, unsettledTag?: Uint8Array): void {
    this.#send(encodeMessage(message), unsettledTag);
  }

  sendEach<T>(messages: readonly T[], encoder: MessageEncoder<T>): number {
    const page = new TransferPage(encoder);
    let sent = 0;
    let room = this.room;
    for (const message of messages) {
      if (room === 0) break;
      const isInPage = this.#addTo(page, message);
      if (!isInPage || page.isFull) this.#leave(page);
      if (!isInPage) this.#send(page.encode(message), undefined);
      room = page.isEmpty ? this.room : room - 1;
      sent++;
    }
    this.#leave(page);
    return sent;
  }

  /** False if the message is for the library: it has to wait, or needs several frames. */
  #addTo<T>(page: TransferPage<T>, message: T): boolean {
    const { link } = this;
    const deliveryId = nextSettled(link);
    if (deliveryId === undefined) return false;
    const { channel } = link.session.local;
    const { handle } = link.local;
    const transfer = { channel, handle, deliveryId, tag: this.#sent >>> 0 };
    if (!page.hasRoomFor(message)) this.#leave(page);
    const bytes = page.add(transfer, message);
    if (!countSettled(link, bytes)) {
      page.drop();
      return false;
    }
    this.#sent++;
    return true;
  }

  #leave<T>(page: TransferPage<T>): void {
    if (!page.isEmpty) this.#owner.write(page.take());
  }

  #send(bytes: Buffer, unsettledTag: Uint8Array | undefined): void {
    if (this.#state !== "open") return;
    const delivery = this.link.send(bytes, Buffer.from(unsettledTag ?? this.#nextTag()), 0);
    if (unsettledTag === undefined) delivery.settled = true;
    else this.#withClient.add(delivery);
    this.#unsent.push({ id: delivery.id, bytes: bytes.length });
  }

  reply(message: AmqpMessage): void {
    if (this.#state === "ended") return;
    if (this.#replies.length >= this.#owner.limits.waitingAnswers)
      return this.#owner.overflow(this);
    this.#replies.push(message);
    this.#sendReplies();
  }

  detach(error: AmqpError): void {
    if (this.#state !== "ended") this.#owner.detach(this, error);
  }

  /** Room may have come: replies first, then the handler. */
  roomChanged(): void {
    if (this.#state !== "open" || this.#handler?.direction !== "outbound") return;
    this.#sendReplies();
    if (this.room > 0 || this.credit > 0) this.#handler.roomChanged();
  }

  #sendReplies(): void {
    while (this.#replies.length > 0 && this.#roomNow() > 0) {
      const message = this.#replies.shift();
      if (message !== undefined) this.send(message);
    }
  }

  #roomNow(): number {
    if (this.#state !== "open" || this.#owner.congested) return 0;
    const { outgoing } = this.link.session;
    let waitingBytes = 0;
    while (this.#unsent[0] !== undefined && this.#unsent[0].id < outgoing.next_pending_delivery)
      this.#unsent.shift();
    for (const { bytes } of this.#unsent) waitingBytes += bytes;
    if (waitingBytes > this.#owner.limits.outputPause) {
      this.#askAgain(outgoing.next_pending_delivery);
      return 0;
    }
    // The library lowers the credit when it writes a message, not when it takes it.
    const credit = this.link.credit - this.#unsent.length;
    return Math.max(0, Math.min(credit, outgoing.deliveries.available()));
  }

  /**
   * The library writes at its next tick and tells nobody, so there may be room after that. If nothing has left since the
   * last time, the session's window is closed, and the client's flow will tell.
   */
  #askAgain(pending: number): void {
    if (this.#askedAt === pending) return;
    this.#askedAt = pending;
    setImmediate(() => this.roomChanged());
  }

  #nextTag(): Buffer {
    const tag = Buffer.alloc(tagBytes);
    tag.writeUInt32BE(this.#sent++ >>> 0, tagBytes - 4);
    return tag;
  }
}
