import type { Events } from "../../app/hub.ts";
import type { LoggedMessage, PartitionInfo } from "../../app/ports.ts";
import type { Principal } from "../../app/principal.ts";
import { argumentInvalid } from "../../domain/errors.ts";
import type { EventPace } from "./event-pace.ts";
import type { Feed, FeedItem } from "./event-stream.ts";
import { eventView } from "./event-view.ts";

/** Which messages a stream shows; what is missing does not choose. */
export interface EventFilter {
  readonly deviceId?: string | undefined;
  readonly moduleId?: string | undefined;
  /** In any case. */
  readonly source?: string | undefined;
}

export interface EventFeedOptions {
  readonly filter: EventFilter;
  /** By partition, the sequence number after which to begin. */
  readonly position: readonly number[];
  /** What is more than it allows is left out, and counted. */
  readonly pace?: EventPace | undefined;
}

/**
 * Reads all partitions of the event log from a position on, and remembers how far it has come. With a pace, events
 * `position` tell how many messages were left out: because of the pace, or because they are not kept any more.
 */
export class EventFeed implements Feed {
  readonly #events: Events;
  readonly #principal: Principal;
  readonly #filter: EventFilter;
  readonly #pace: EventPace | undefined;
  /** By partition, the sequence number that was read last. */
  readonly #position: number[];
  #skipped = 0;
  #isNew = true;

  constructor(events: Events, principal: Principal, options: EventFeedOptions) {
    this.#events = events;
    this.#principal = principal;
    this.#filter = options.filter;
    this.#pace = options.pace;
    this.#position = [...options.position];
  }

  /** `12.0.7`: by partition the last sequence number that was read. */
  get id(): string {
    return this.#position.join(".");
  }

  /** The next messages, at most `limit` of each partition; null if there was nothing to read. */
  async next(limit: number): Promise<readonly FeedItem[] | null> {
    const found: FeedItem[] = this.#begin();
    if (this.#pace !== undefined && !this.#chooses) await this.#catchUp(this.#pace);
    let read = 0;
    for (const partition of this.#position.keys()) {
      const from = (this.#position[partition] ?? 0) + 1;
      const messages = await this.#events.read(this.#principal, partition, from, limit);
      read += messages.length;
      for (const logged of messages) this.#take(logged, found);
    }
    if (this.#skipped > 0 && this.#pace !== undefined) found.push(this.#report());
    return read === 0 && found.length === 0 ? null : found;
  }

  /** Readers that want to hear what was left out hear first where they begin. */
  #begin(): FeedItem[] {
    const wanted = this.#isNew && this.#pace !== undefined;
    this.#isNew = false;
    return wanted ? [this.#report()] : [];
  }

  #report(): FeedItem {
    const skipped = this.#skipped;
    this.#skipped = 0;
    return { id: this.id, event: "position", data: { skipped } };
  }

  #take(logged: LoggedMessage, found: FeedItem[]): void {
    const { partition, sequenceNumber } = logged;
    this.#skipped += sequenceNumber - (this.#position[partition] ?? 0) - 1;
    this.#position[partition] = sequenceNumber;
    if (!this.#shows(logged)) return;
    if (this.#pace?.room === 0) {
      this.#skipped += 1;
      return;
    }
    this.#pace?.take(1);
    found.push({ id: this.id, data: eventView(logged) });
  }

  /** Waits for room, then goes on to the newest messages that have room: those before are not even read. */
  async #catchUp(pace: EventPace): Promise<void> {
    await pace.untilRoom();
    const partitions = await this.#events.partitions(this.#principal);
    const waiting = partitions.map((info) =>
      Math.max(0, info.lastSequenceNumber - (this.#position[info.partition] ?? 0)),
    );
    if (waiting.reduce((sum, count) => sum + count, 0) <= pace.room) return;
    const active = waiting.filter((count) => count > 0).length;
    const share = Math.max(1, Math.floor(pace.room / active));
    for (const { partition, lastSequenceNumber } of partitions) {
      const last = this.#position[partition] ?? 0;
      const next = Math.max(last, lastSequenceNumber - share);
      this.#skipped += next - last;
      this.#position[partition] = next;
    }
  }

  get #chooses(): boolean {
    return Object.values(this.#filter).some((wanted) => wanted !== undefined);
  }

  #shows({ message: { key, source } }: LoggedMessage): boolean {
    const { deviceId, moduleId, source: wanted } = this.#filter;
    return (
      (deviceId === undefined || key.deviceId === deviceId) &&
      (moduleId === undefined || key.moduleId === moduleId) &&
      (wanted === undefined || source.toLowerCase() === wanted.toLowerCase())
    );
  }
}

/**
 * Where to begin: `latest` (after everything that is there), `earliest`, a time such as 2026-05-01T10:00:00Z, or the id
 * of an event. Refuses anything else with ArgumentInvalid.
 */
export async function startPosition(
  events: Events,
  principal: Principal,
  partitions: readonly PartitionInfo[],
  from: string,
): Promise<number[]> {
  if (from === "latest") return partitions.map((info) => info.lastSequenceNumber);
  if (from === "earliest") return partitions.map((info) => info.firstSequenceNumber - 1);
  if (/^\d{1,15}(?:\.\d{1,15})*$/.test(from)) {
    const position = from.split(".").map(Number);
    // A position after the end is of a log that was lost with its hub: what comes next is as new as can be.
    if (position.length === partitions.length)
      return position.map((last, index) =>
        Math.min(last, partitions[index]?.lastSequenceNumber ?? last),
      );
    throw argumentInvalid(
      `The position has ${position.length} partitions, the hub ${partitions.length}`,
    );
  }
  const time = /^\d{4}-\d\d-\d\d/.test(from) ? Date.parse(from) : Number.NaN;
  if (Number.isNaN(time))
    throw argumentInvalid("from must be earliest, latest, a time, or the id of an event");
  return Promise.all(
    partitions.map(async (info) => (await events.seek(principal, info.partition, time)) - 1),
  );
}
