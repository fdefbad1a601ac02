import type { NewMessage } from "./telemetry.ts";

/** A device-to-cloud message, in bytes (spec/semantics §10). */
export const maxTelemetrySize = 262_144;

/** Body, values of system properties, names and values of application properties, in bytes (spec/semantics §10). */
export function messageSize({ body, system, application }: NewMessage): number {
  return body.byteLength + propertiesSize(system, application);
}

/** The part of a message's size that is not its body. */
export function propertiesSize(
  system: NewMessage["system"],
  application: NewMessage["application"],
): number {
  let size = 0;
  let name: keyof typeof system;
  for (name in system) size += Buffer.byteLength(system[name] ?? "");
  for (const [name, value] of application) {
    size += Buffer.byteLength(name) + (value === null ? 0 : Buffer.byteLength(value));
  }
  return size;
}
