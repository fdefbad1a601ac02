import type { Completion } from "../../../app/completion.ts";
import type { Telemetry, TelemetrySender } from "../../../app/hub.ts";
import type { NewMessage } from "../../../domain/messages/telemetry.ts";
import { maxTelemetrySize } from "../../../domain/messages/size.ts";
import { encodePubacks } from "../encode.ts";
import type { DeviceSession } from "../session.ts";
import type { Work, WorkQueue } from "../work-queue.ts";

/** What a topic says about its messages. */
export type TopicProperties = Pick<NewMessage, "system" | "application">;

/** Before a topic is known, which most idle connections never come to: shared, so that they cost nothing. */
const noTopic = new Uint8Array();
const noProperties: TopicProperties = { system: {}, application: new Map() };

/**
 * Messages that one read of the socket brings. A device sends most of its telemetry to one topic: while the bytes of the
 * topic stay the same, what they say is not read again, and the messages are one request with one answer, their PUBACKs in
 * order behind each other. Whatever is out of the ordinary is left to `decode` and the single way: other topics and packets,
 * RETAIN, and all that MQTT forbids; hubs that admit or follow each message by itself; topics that ask for faults.
 *
 * Bounded by its owner, who takes nothing in while the work queue is full with what has been taken.
 */
export class TelemetryBurst {
  readonly #session: DeviceSession;
  readonly #work: WorkQueue;
  readonly #senderOf: Telemetry["sender"];
  /** Made for the first messages that come together. */
  #sender: TelemetrySender | undefined;
  /** The topic whose messages are taken, as bytes; empty while there is none. */
  #topic: Uint8Array = noTopic;
  #properties = noProperties;
  /** The topic that `seen` was last told of: one that never comes again is not worth keeping. */
  #candidate = "";
  /** What was taken and not sent yet. */
  #taken: Together | undefined;

  constructor(session: DeviceSession, work: WorkQueue) {
    this.#session = session;
    this.#work = work;
    const { telemetry } = session.services.hub;
    this.#senderOf = telemetry.sender;
  }

  /** Messages that were taken and not sent yet. */
  get count(): number {
    return this.#taken?.requests ?? 0;
  }

  /** Bytes of their packets. */
  get bytes(): number {
    return this.#taken?.bytes ?? 0;
  }

  /** A message without RETAIN has come to `topic`, which is well formed and asks for no fault. */
  seen(topic: string, properties: TopicProperties): void {
    if (this.#senderOf === undefined) return;
    if (topic !== this.#candidate) {
      this.#candidate = topic;
      return;
    }
    this.#topic = Buffer.from(topic);
    this.#properties = properties;
  }

  /**
   * Takes the packet from `start` to `end` of `bytes` if it is a message like those before it, and says so; keeps a view
   * of its payload.
   */
  take(bytes: Buffer, start: number, end: number): boolean {
    const topic = this.#topic;
    const first = bytes[start];
    // PUBLISH with QoS 0 or 1, the latter perhaps a duplicate.
    if (topic.length === 0 || (first !== 0x30 && first !== 0x32 && first !== 0x3a)) return false;
    let at = start + 1;
    while ((bytes[at] ?? 0) >= 0x80) at++;
    at += 3 + topic.length;
    const hasId = first !== 0x30;
    const body = hasId ? at + 2 : at;
    // A packet that is not larger than a message may be holds none that is.
    if (body > end || end - start > maxTelemetrySize) return false;
    if (!this.#isTopicBefore(bytes, at)) return false;
    const packetId = hasId ? (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0) : undefined;
    if (packetId === 0) return false;
    const { system, application } = this.#properties;
    const payload = new Uint8Array(bytes.buffer, bytes.byteOffset + body, end - body);
    const message = { body: payload, system, application };
    if (this.#taken === undefined) this.#taken = new Together(this, message, packetId);
    else this.#taken.add(message, packetId);
    this.#taken.bytes += end - start;
    return true;
  }

  #isTopicBefore(bytes: Buffer, end: number): boolean {
    const topic = this.#topic;
    const start = end - topic.length;
    if ((bytes[start - 2] ?? 0) * 256 + (bytes[start - 1] ?? 0) !== topic.length) return false;
    // Topics of one device differ in their bags, which stand last.
    for (let index = topic.length - 1; index >= 0; index--)
      if (bytes[start + index] !== topic[index]) return false;
    return true;
  }

  /** Hands what was taken to the hub. */
  send(): void {
    const taken = this.#taken;
    if (taken === undefined) return;
    this.#taken = undefined;
    this.#work.enter(taken);
  }

  /** The work queue has begun `messages`. */
  hand(messages: readonly NewMessage[], completion: Completion): void {
    this.#sender ??= this.#senderOf?.(this.#session.principal);
    this.#sender?.sendTogether(messages, completion);
  }

  /** They are durable, or refused because of `error`. */
  settled(work: Together, error?: unknown): void {
    if (error !== undefined) this.#session.fail(error);
    this.#work.answered(work);
  }

  /** Their PUBACKs may leave. */
  acknowledge(packetIds: readonly number[]): void {
    if (packetIds.length > 0) this.#session.write(encodePubacks(packetIds));
  }
}

/** Messages of one read on their way through the hub. */
class Together implements Work, Completion {
  readonly lane = "telemetry";
  bytes = 0;
  isAnswered = false;
  readonly #burst: TelemetryBurst;
  readonly #messages: NewMessage[];
  /** Of those with QoS 1; empty if none is to be acknowledged. */
  #packetIds: number[];

  constructor(burst: TelemetryBurst, first: NewMessage, packetId: number | undefined) {
    this.#burst = burst;
    // Written so, an array takes no memory for more: many reads bring one message.
    this.#messages = [first];
    this.#packetIds = packetId === undefined ? [] : [packetId];
  }

  add(message: NewMessage, packetId: number | undefined): void {
    this.#messages.push(message);
    if (packetId !== undefined) this.#packetIds.push(packetId);
  }

  get requests(): number {
    return this.#messages.length;
  }

  begin(): boolean {
    this.#burst.hand(this.#messages, this);
    return false;
  }

  done(): void {
    this.#burst.settled(this);
  }

  refused(error: unknown): void {
    this.#packetIds = [];
    this.#burst.settled(this, error);
  }

  answer(): void {
    this.#burst.acknowledge(this.#packetIds);
  }
}
