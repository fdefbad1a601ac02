import { type DestinationStream, type Logger, pino } from "pino";

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

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** A logger that writes JSON lines to standard error unless told otherwise; secrets are redacted should one ever get into the fields. */
export function createLog(
  level: LogLevel,
  destination: DestinationStream = pino.destination(2),
): Logger {
  return pino({ level, redact: { paths: secretPaths, censor: "[redacted]" } }, destination);
}
