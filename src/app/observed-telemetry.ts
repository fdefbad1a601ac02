import { HubError } from "../domain/errors.ts";
import { kindOf } from "../domain/identity/key.ts";
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
    counts.follow(sent, kindOf(principal.key), 1, message.body.byteLength);
    return sent;
  };
}

/** Messages that are sent together are counted one by one and timed as one. */
export function observeTogether(send: SendTogether, counts: TelemetryCounts): SendTogether {
  return (principal, messages) => {
    const sent = send(principal, messages);
    let bytes = 0;
    for (const { body } of messages) bytes += body.byteLength;
    counts.follow(sent, kindOf(principal.key), messages.length, bytes);
    return sent;
  };
}

type SendTogether = NonNullable<Telemetry["sendTogether"]>;

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

  /** Counts `messages` whose bodies have `bytes` when `sent` is settled. */
  follow(sent: Promise<unknown>, kind: Kind, messages: number, bytes: number): void {
    const { received, one, accepted, refused } = this.#kinds[kind];
    received.add(bytes);
    if (messages === 1) sent.then(one.accepted, one.refused);
    else
      sent.then(
        () => accepted(messages),
        (error: unknown) => refused(error, messages),
      );
    this.#untimed += messages;
    if (this.#untimed < timedOneIn) return;
    this.#untimed %= timedOneIn;
    this.#time(sent, kind);
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

  #time(sent: Promise<unknown>, kind: Kind): void {
    const meter = this.#meter;
    const started = meter.seconds();
    const end = (result: "ok" | "refused" | "failed"): void => {
      const labels = { call: "telemetry.send", protocol: this.#protocol, kind, result };
      meter.histogram("twinhub_call_duration_seconds", labels).record(meter.seconds() - started);
    };
    sent.then(
      () => end("ok"),
      (error: unknown) => end(error instanceof HubError ? "refused" : "failed"),
    );
  }
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
