import type { Clock, Log } from "./ports.ts";

/** A log whose lines all name one connection. */
class ConnectionLog implements Log {
  readonly #log: Log;
  readonly #connection: string;

  constructor(log: Log, connection: string) {
    this.#log = log;
    this.#connection = connection;
  }

  debug(fields: object, message: string): void {
    this.#log.debug({ connection: this.#connection, ...fields }, message);
  }

  info(fields: object, message: string): void {
    this.#log.info({ connection: this.#connection, ...fields }, message);
  }

  warn(fields: object, message: string): void {
    this.#log.warn({ connection: this.#connection, ...fields }, message);
  }

  error(fields: object, message: string): void {
    this.#log.error({ connection: this.#connection, ...fields }, message);
  }
}

/** Logs of connections, each with an id that no other connection of the head has had since the hub started. */
export class ConnectionLogs {
  readonly #log: Log;
  readonly #prefix: string;
  #count = 0;

  /** `protocol` begins the ids: `mqtt-m9x2k1c0-1`. */
  constructor(protocol: string, log: Log, clock: Clock) {
    this.#log = log;
    this.#prefix = `${protocol}-${clock.now().toString(36)}`;
  }

  next(): Log {
    this.#count++;
    return new ConnectionLog(this.#log, `${this.#prefix}-${this.#count}`);
  }
}
