import type { IncomingMessage } from "node:http";
import type { Clock } from "../../app/ports.ts";
import type { Milliseconds } from "../../domain/time.ts";

/**
 * Cuts off a request whose body is not complete `timeout` milliseconds after its headers. The listener's own limit is
 * that of the longest requests, and is one for all.
 */
export function limitBodyTime(request: IncomingMessage, timeout: Milliseconds, clock: Clock): void {
  if (request.complete) return;
  const { "content-length": length, "transfer-encoding": coding } = request.headers;
  if (coding === undefined && (length === undefined || length === "0")) return;
  const cancel = clock.after(timeout, () => request.socket.destroy());
  request.once("end", cancel);
  request.once("close", cancel);
}
