import { HubError } from "../domain/errors.ts";
import { kindOf } from "../domain/identity/key.ts";
import type { NewMessage } from "../domain/messages/telemetry.ts";
import type { Completion } from "./completion.ts";
import type { Telemetry } from "./hub.ts";
import type { Counter, Meter } from "./meter.ts";

/** One message of so many is timed. */
const timedOneIn = 16;

/**
 * Telemetry is the one call that comes a hundred thousand times a second, and counting it like the others would cost a
 * tenth of it. So each message is counted by functions that are there already, and only some are timed.
 */
export function observeTelemetry(telemetry: Telemetry, counts: TelemetryCounts): Telemetry["send"] {
  return (principal, message) => {
    const sent = telemetry.send(principal, message);
    counts.follow(sent, kindOf(principal.key), message.body.byteLength);
    return sent;
  };
}

/** Messages that are sent together are counted one by one and timed as one. */
export function observeSender(sender: SenderOf, counts: TelemetryCounts): SenderOf {
  return (principal) => {
    const kind = kindOf(principal.key);
    const observed = sender(principal);
    return {
      sendTogether: (messages, completion) =>
        observed.sendTogether(messages, counts.around(completion, kind, messages)),
    };
  };
}

type SenderOf = NonNullable<Telemetry["sender"]>;

type Kind = "device" | "module";

/** What is counted of the telemetry that comes through one head. */
export class TelemetryCounts {
  readonly #meter: Meter;
  readonly #protocol: string;
  readonly #kinds: Record<Kind, KindCounts>;
  #untimed = timedOneIn;

  constructor(meter: Meter, protocol: string) {
    this.#meter = meter;
    this.#protocol = protocol;
    this.#kinds = { device: this.#countsOf("device"), module: this.#countsOf("module") };
  }

  /** Counts a message whose body has `bytes` when `sent` is settled. */
  follow(sent: Promise<unknown>, kind: Kind, bytes: number): void {
    const { received, one } = this.#kinds[kind];
    received.add(bytes);
    sent.then(one.accepted, one.refused);
    if (!this.#isTimed(1)) return;
    const { seconds } = this.#meter;
    const started = seconds();
    sent.then(
      () => this.#end(kind, "ok", seconds() - started),
      (error: unknown) => this.#end(kind, resultOf(error), seconds() - started),
    );
  }

  /** Counts `messages` when they are done or refused, which `completion` is then told. */
  around(completion: Completion, kind: Kind, messages: readonly NewMessage[]): Completion {
    let bytes = 0;
    for (const { body } of messages) bytes += body.byteLength;
    const counts = this.#kinds[kind];
    counts.received.add(bytes);
    const { length } = messages;
    const counted = new Counted(completion, counts, length);
    return this.#isTimed(length) ? this.#timed(counted, kind) : counted;
  }

  #end(kind: Kind, result: "ok" | "refused" | "failed", seconds: number): void {
    const labels = { call: "telemetry.send", protocol: this.#protocol, kind, result };
    this.#meter.histogram("twinhub_call_duration_seconds", labels).record(seconds);
  }

  #isTimed(messages: number): boolean {
    this.#untimed += messages;
    if (this.#untimed < timedOneIn) return false;
    this.#untimed %= timedOneIn;
    return true;
  }

  #timed(completion: Completion, kind: Kind): Completion {
    const { seconds } = this.#meter;
    const started = seconds();
    return {
      done: () => {
        this.#end(kind, "ok", seconds() - started);
        completion.done();
      },
      refused: (error) => {
        this.#end(kind, resultOf(error), seconds() - started);
        completion.refused(error);
      },
    };
  }

  #countsOf(kind: Kind): KindCounts {
    const [meter, protocol] = [this.#meter, this.#protocol];
    const labels = { protocol, kind };
    const messages = (result: string) =>
      meter.counter("twinhub_messages_received_total", { ...labels, result });
    const [ofAccepted, ofRefused] = [messages("accepted"), messages("refused")];
    const accepted = (count: number): void => ofAccepted.add(count);
    const refused = (error: unknown, count: number): void => {
      ofRefused.add(count);
      if (error instanceof HubError)
        meter.counter("twinhub_refusals_total", { protocol, error: error.name }).add(count);
    };
    return {
      received: meter.counter("twinhub_message_received_bytes_total", labels),
      one: { accepted: () => accepted(1), refused: (error: unknown) => refused(error, 1) },
      accepted,
      refused,
    };
  }
}

/** Messages that are not timed: one object for each request, and no function. */
class Counted implements Completion {
  readonly #completion: Completion;
  readonly #counts: KindCounts;
  readonly #messages: number;

  constructor(completion: Completion, counts: KindCounts, messages: number) {
    this.#completion = completion;
    this.#counts = counts;
    this.#messages = messages;
  }

  done(): void {
    this.#counts.accepted(this.#messages);
    this.#completion.done();
  }

  refused(error: unknown): void {
    this.#counts.refused(error, this.#messages);
    this.#completion.refused(error);
  }
}

function resultOf(error: unknown): "refused" | "failed" {
  return error instanceof HubError ? "refused" : "failed";
}

interface KindCounts {
  /** Bytes of bodies. */
  readonly received: Counter;
  /** For one message: functions that are there already. */
  readonly one: {
    readonly accepted: () => void;
    readonly refused: (error: unknown) => void;
  };
  readonly accepted: (count: number) => void;
  readonly refused: (error: unknown, count: number) => void;
}
