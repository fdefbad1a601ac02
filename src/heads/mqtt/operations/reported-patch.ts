import { isUtf8 } from "node:buffer";
import { argumentInvalid } from "../../../domain/errors.ts";
import type { JsonObject } from "../../../domain/json.ts";
import { parseTwinObject } from "../../../domain/twin/parse.ts";
import type { PublishPacket } from "../packets.ts";
import type { DeviceSession } from "../session.ts";
import { type InboundTopic, twinAnswerTopic } from "../topics.ts";
import type { Work, WorkQueue } from "../work-queue.ts";
import { acknowledge } from "./acknowledge.ts";
import { answerTwin, answerTwinFailure, logFailure } from "./twin-answer.ts";

/** What the topic of a report says. */
export type ReportedTopic = Extract<InboundTopic, { kind: "reportedPatch" }>;

/**
 * PATCH of the reported properties: 204 with the new `$version`, after the commit (spec/mqtt §7.2). Hot: it is its own entry
 * in the work queue, with one promise for each patch, and no more.
 */
export class ReportedPatch implements Work {
  readonly lane = "twinWrite";
  readonly requests = 1;
  readonly bytes: number;
  isAnswered = false;
  readonly #session: DeviceSession;
  readonly #queue: WorkQueue;
  readonly #packet: PublishPacket;
  readonly #topic: ReportedTopic;
  #outcome: Outcome = pending;

  /** `bytes`: of its packet. */
  constructor(
    session: DeviceSession,
    queue: WorkQueue,
    packet: PublishPacket,
    topic: ReportedTopic,
    bytes: number,
  ) {
    this.#session = session;
    this.#queue = queue;
    this.#packet = packet;
    this.#topic = topic;
    this.bytes = bytes;
  }

  begin(): boolean {
    const { services, principal } = this.#session;
    try {
      const patch = readPatch(this.#packet.payload);
      const expected = readVersion(this.#topic.version);
      services.hub.twins.updateReported(principal, patch, expected).then(
        (version) => this.#settled(version),
        (error: unknown) => this.#settled({ error }),
      );
      return false;
    } catch (error) {
      this.#outcome = { error };
      return true;
    }
  }

  answer(): void {
    const outcome = this.#outcome;
    const { rid } = this.#topic;
    if (this.#packet.qos === 1) acknowledge(this.#session, this.#packet)();
    if (typeof outcome === "object") this.#answerFailure(outcome.error);
    else if (rid !== undefined) answerTwin(this.#session, twinAnswerTopic(204, rid, outcome), "");
  }

  #settled(outcome: Outcome): void {
    this.#outcome = outcome;
    this.#queue.answered(this);
  }

  #answerFailure(error: unknown): void {
    const { rid } = this.#topic;
    if (rid === undefined) logFailure(this.#session, undefined, error);
    else answerTwinFailure(this.#session, rid, error);
  }
}

/** The new `$version`, or what the report failed with. */
type Outcome = number | { readonly error: unknown };

const pending = 0;

function readPatch(payload: Buffer): JsonObject {
  if (!isUtf8(payload)) throw argumentInvalid("The reported properties are not UTF-8");
  return parseTwinObject(payload.toString());
}

function readVersion(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw argumentInvalid("$version is not a number");
  return Number(text);
}
