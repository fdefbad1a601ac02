import type { NewMessage } from "../../../domain/messages/telemetry.ts";
import { maxTelemetrySize } from "../../../domain/messages/size.ts";
import { encodePubacks } from "../encode.ts";
import type { DeviceSession } from "../session.ts";
import type { Answer, WorkQueue } from "../work-queue.ts";
import { noAnswer } from "./acknowledge.ts";

/** What a topic says about its messages. */
export type TopicProperties = Pick<NewMessage, "system" | "application">;

/** Before a topic is known, which most idle connections never come to: shared, so that they cost nothing. */
const noTopic = new Uint8Array();
const noProperties: TopicProperties = { system: {}, application: new Map() };

type Send = NonNullable<DeviceSession["services"]["hub"]["telemetry"]["sendTogether"]>;

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
  readonly #send: Send | undefined;
  /** The topic whose messages are taken, as bytes; empty while there is none. */
  #topic: Uint8Array = noTopic;
  #properties = noProperties;
  /** The topic that `seen` was last told of: one that never comes again is not worth keeping. */
  #candidate = "";
  #messages: NewMessage[] = [];
  #packetIds: number[] = [];
  #bytes = 0;

  constructor(session: DeviceSession, work: WorkQueue) {
    this.#session = session;
    this.#work = work;
    const { telemetry } = session.services.hub;
    this.#send = telemetry.sendTogether;
  }

  /** Messages that were taken and not sent yet. */
  get count(): number {
    return this.#messages.length;
  }

  /** Bytes of their packets. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A message without RETAIN has come to `topic`, which is well formed and asks for no fault. */
  seen(topic: string, properties: TopicProperties): void {
    if (this.#send === undefined) return;
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
    if (hasId) {
      const packetId = (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
      if (packetId === 0) return false;
      this.#packetIds.push(packetId);
    }
    const { system, application } = this.#properties;
    const payload = new Uint8Array(bytes.buffer, bytes.byteOffset + body, end - body);
    this.#messages.push({ body: payload, system, application });
    this.#bytes += end - start;
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
    const messages = this.#messages;
    const packetIds = this.#packetIds;
    const send = this.#send;
    if (messages.length === 0 || send === undefined) return;
    const bytes = this.#bytes;
    this.#messages = [];
    this.#packetIds = [];
    this.#bytes = 0;
    const work = () => this.#sendTogether(send, messages, packetIds);
    this.#work.add("telemetry", bytes, work, messages.length);
  }

  #sendTogether(
    send: Send,
    messages: readonly NewMessage[],
    packetIds: readonly number[],
  ): Promise<Answer> {
    const session = this.#session;
    return send(session.principal, messages).then(
      () => (packetIds.length === 0 ? noAnswer : () => session.write(encodePubacks(packetIds))),
      (error: unknown) => {
        session.fail(error);
        return noAnswer;
      },
    );
  }
}
