import type { ServerResponse } from "node:http";
import type { Clock, Log } from "../../app/ports.ts";
import { HubError } from "../../domain/errors.ts";
import type { HttpLimits } from "./limits.ts";

/** Why a stream ended, as its last event says unless the reader has gone. */
export type StreamEnd =
  | "slowReader"
  | "refused"
  | "unauthorized"
  | "hubStopping"
  | "hubError"
  | "readerGone";

/** How long a reader has for what was written to it when its stream has ended, in milliseconds. */
const endGrace = 5_000;

/** One server-sent event. */
export interface FeedItem {
  /** Where a reader goes on after it. */
  readonly id: string;
  /** The event's name; absent for `message`. */
  readonly event?: string | undefined;
  readonly data: unknown;
}

/** What a stream shows. */
export interface Feed {
  /** Where a reader goes on that has seen everything so far. */
  readonly id: string;
  /** The next items, about `limit`; null if there is nothing new. */
  next(limit: number): Promise<readonly FeedItem[] | null>;
}

export interface StreamParts {
  readonly feed: Feed;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: HttpLimits;
  readonly onAppended: (listener: () => void) => () => void;
  /** Refuses once the caller's credential is no longer accepted. */
  readonly proveAgain: () => Promise<unknown>;
}

/**
 * Server-sent events from a feed. It reads on only when what it has written is on its way, so a slow reader costs
 * one batch; one that does not read at all is let go with an `end` event, and resumes from the last id it saw.
 */
export class EventStream {
  readonly #response: ServerResponse;
  readonly #parts: StreamParts;
  #end: StreamEnd | undefined;
  #beatDue = true;
  #changed = false;
  #wake: () => void = () => undefined;

  constructor(response: ServerResponse, parts: StreamParts) {
    this.#response = response;
    this.#parts = parts;
    response.once("close", () => this.end("readerGone"));
    response.on("error", () => this.end("readerGone"));
  }

  /** Ends the stream; the first reason counts. */
  end(reason: StreamEnd): void {
    this.#end ??= reason;
    this.#signal();
  }

  /** Serves the stream; resolves when it has ended. */
  async run(): Promise<void> {
    const { feed, limits, log, onAppended } = this.#parts;
    const forget = onAppended(() => this.#signal());
    const stopBeating = this.#beat();
    try {
      while (this.#end === undefined) {
        const found = await feed.next(limits.eventStreamBatch);
        for (const { id, event, data } of found ?? []) {
          const name = event === undefined ? "" : `event: ${event}\n`;
          await this.#write(`${name}id: ${id}\ndata: ${JSON.stringify(data)}\n\n`);
        }
        if (this.#beatDue) await this.#heartbeat();
        else if (found === null) await this.#change();
      }
    } catch (error) {
      if (error instanceof HubError) {
        await this.#write(
          `event: error\ndata: ${JSON.stringify({ code: error.number, name: error.name, message: error.message })}\n\n`,
        );
        this.end("refused");
      } else {
        log.error({ err: error }, "a stream of events failed");
        this.end("hubError");
      }
    } finally {
      forget();
      stopBeating();
      this.#finish();
    }
  }

  /** A comment that shows life, and the position, which filters may have left behind. */
  async #heartbeat(): Promise<void> {
    this.#beatDue = false;
    try {
      await this.#parts.proveAgain();
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      return this.end("unauthorized");
    }
    await this.#write(`: heartbeat\nid: ${this.#parts.feed.id}\n\n`);
  }

  #beat(): () => void {
    const { clock, limits } = this.#parts;
    let cancel = (): void => undefined;
    const next = (): void => {
      cancel = clock.after(limits.eventStreamHeartbeat, () => {
        this.#beatDue = true;
        this.#signal();
        next();
      });
    };
    next();
    return () => cancel();
  }

  async #write(text: string): Promise<void> {
    if (this.#end !== undefined || this.#response.write(text)) return;
    const { clock, limits } = this.#parts;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        cancel();
        this.#response.off("drain", done);
        this.#response.off("close", done);
        resolve();
      };
      const cancel = clock.after(limits.eventStreamStall, () => {
        this.end("slowReader");
        done();
      });
      this.#response.on("drain", done);
      this.#response.on("close", done);
    });
  }

  #signal(): void {
    this.#changed = true;
    this.#wake();
  }

  /** Resolves when there may be something to do, at once if there was since the last call. */
  async #change(): Promise<void> {
    if (!this.#changed) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#changed = false;
  }

  #finish(): void {
    const response = this.#response;
    if (this.#end === "readerGone" || response.destroyed) return;
    response.end(`event: end\ndata: ${JSON.stringify({ reason: this.#end })}\n\n`);
    const cancel = this.#parts.clock.after(endGrace, () => response.destroy());
    response.once("close", cancel);
  }
}

/** The streams that are open: bounded, and ended together when the hub stops. */
export class EventStreams {
  readonly #open = new Set<EventStream>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Refuses with ServiceUnavailable when there are too many already. */
  checkRoom(): void {
    if (this.#open.size < this.#limit) return;
    throw new HubError(
      "ServiceUnavailable",
      `The hub already serves ${this.#limit} streams of events, its limit`,
    );
  }

  async run(stream: EventStream): Promise<void> {
    this.#open.add(stream);
    try {
      await stream.run();
    } finally {
      this.#open.delete(stream);
    }
  }

  endAll(): void {
    for (const stream of this.#open) stream.end("hubStopping");
  }
}
