import { pino } from "pino";

/** What the rooms need of a logger; pino fits. Never pass keys, tokens or message bodies. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export const silentLog: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet };

function quiet(): void {}

const secretPaths = [
  "password",
  "authorization",
  "connectionString",
  "key",
  "primaryKey",
  "secondaryKey",
  "token",
  "sig",
  "*.password",
  "*.authorization",
  "*.connectionString",
  "*.primaryKey",
  "*.secondaryKey",
  "*.token",
  "*.sig",
];

/** JSON lines on standard error; secrets are redacted should one ever get into the fields. */
export function createLog(level: "debug" | "info" | "warn" | "error" | "silent"): Log {
  return pino({ level, redact: { paths: secretPaths, censor: "[redacted]" } }, pino.destination(2));
}
