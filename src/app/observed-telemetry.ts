import { HubError } from "../domain/errors.ts";
import { kindOf } from "../domain/identity/key.ts";
import type { Telemetry } from "./hub.ts";
import type { Meter } from "./meter.ts";

/** One message of so many is timed. */
const timedOneIn = 16;

/**
 * Telemetry is the one call that comes a hundred thousand times a second, and counting it like the others would cost a
 * tenth of it. So each message is counted by functions that are there already, and only some are timed.
 */
export function observeTelemetry(
  send: Telemetry["send"],
  meter: Meter,
  protocol: string,
): Telemetry["send"] {
  const kinds = { device: countKind("device"), module: countKind("module") };
  let count = 0;

  function countKind(kind: "device" | "module") {
    const labels = { protocol, kind };
    const messages = (result: string) =>
      meter.counter("twinhub_messages_received_total", { ...labels, result });
    const [accepted, refused] = [messages("accepted"), messages("refused")];
    return {
      bytes: meter.counter("twinhub_message_received_bytes_total", labels),
      accepted: () => accepted.add(1),
      refused: (error: unknown) => {
        refused.add(1);
        if (error instanceof HubError)
          meter.counter("twinhub_refusals_total", { protocol, error: error.name }).add(1);
      },
    };
  }

  function time(sent: Promise<unknown>, kind: "device" | "module"): void {
    const started = meter.seconds();
    const end = (result: "ok" | "refused" | "failed"): void => {
      const labels = { call: "telemetry.send", protocol, kind, result };
      meter.histogram("twinhub_call_duration_seconds", labels).record(meter.seconds() - started);
    };
    sent.then(
      () => end("ok"),
      (error: unknown) => end(error instanceof HubError ? "refused" : "failed"),
    );
  }

  return (principal, message) => {
    const sent = send(principal, message);
    const kind = kindOf(principal.key);
    const { bytes, accepted, refused } = kinds[kind];
    bytes.add(message.body.byteLength);
    sent.then(accepted, refused);
    if (count++ % timedOneIn === 0) time(sent, kind);
    return sent;
  };
}
