import type { Events } from "../../app/hub.ts";
import type { LoggedMessage, PartitionInfo } from "../../app/ports.ts";
import type { Principal } from "../../app/principal.ts";
import { argumentInvalid } from "../../domain/errors.ts";
import type { Feed, FeedItem } from "./event-stream.ts";
import { eventView } from "./event-view.ts";

/** Which messages a stream shows; what is missing does not choose. */
export interface EventFilter {
  readonly deviceId?: string | undefined;
  readonly moduleId?: string | undefined;
  /** In any case. */
  readonly source?: string | undefined;
}

/** Reads all partitions of the event log from a position on, and remembers how far it has come. */
export class EventFeed implements Feed {
  readonly #events: Events;
  readonly #principal: Principal;
  readonly #filter: EventFilter;
  /** By partition, the sequence number that was read last. */
  readonly #position: number[];

  constructor(
    events: Events,
    principal: Principal,
    filter: EventFilter,
    position: readonly number[],
  ) {
    this.#events = events;
    this.#principal = principal;
    this.#filter = filter;
    this.#position = [...position];
  }

  /** `12.0.7`: by partition the last sequence number that was read. */
  get id(): string {
    return this.#position.join(".");
  }

  /** The next messages, at most `limit` of each partition; null if there was nothing to read. */
  async next(limit: number): Promise<readonly FeedItem[] | null> {
    const found: FeedItem[] = [];
    let read = 0;
    for (const [partition, last] of this.#position.entries()) {
      const messages = await this.#events.read(this.#principal, partition, last + 1, limit);
      read += messages.length;
      for (const logged of messages) {
        this.#position[partition] = logged.sequenceNumber;
        if (this.#shows(logged)) found.push({ id: this.id, data: eventView(logged) });
      }
    }
    return read === 0 ? null : found;
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
    if (position.length === partitions.length) return position;
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
