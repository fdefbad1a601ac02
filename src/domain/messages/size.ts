import type { NewMessage } from "./telemetry.ts";

/** A device-to-cloud message, in bytes (spec/semantics §10). */
export const maxTelemetrySize = 262_144;

/** Body, values of system properties, names and values of application properties, in bytes (spec/semantics §10). */
export function messageSize(message: NewMessage): number {
  let size = message.body.byteLength;
  const { system } = message;
  let name: keyof typeof system;
  for (name in system) size += Buffer.byteLength(system[name] ?? "");
  for (const [name, value] of message.application) {
    size += Buffer.byteLength(name) + (value === null ? 0 : Buffer.byteLength(value));
  }
  return size;
}
