import type { IdentityKey } from "../../domain/identity/key.ts";
import type { EventMessage } from "../../domain/messages/telemetry.ts";
import type { LogRow } from "../shared/changes.ts";
import type { LogBlock, Sender } from "./log-block.ts";
import { type HeadColumns, readHeads } from "./read-heads.ts";

const noSystem: EventMessage["system"] = {};
const noApplication: EventMessage["application"] = [];

/** What messages of one sender share. */
type By = Pick<EventMessage, "generationId" | "authMethod" | "modelId" | "source"> & {
  readonly key: IdentityKey;
};

/**
 * The messages of a block that was read, each made when it is asked for: they are gone as soon as they were sent, while
 * objects that are kept cost the garbage collector more than making them.
 */
export class BlockMessages {
  readonly partition: number;
  readonly first: number;
  readonly count: number;
  readonly #bodies: Uint8Array;
  readonly #heads: HeadColumns;
  readonly #senders: readonly By[];
  /** After each message, the latest time up to there and where its body ends. */
  readonly #latest: number[] = [];
  readonly #ends: number[] = [];
  readonly #before: number;

  constructor({ partition, first, count, enqueued, before, heads, bodies }: LogBlock) {
    this.partition = partition;
    this.first = first;
    this.count = count;
    this.#before = before;
    this.#bodies = bodies;
    this.#heads = readHeads(heads);
    const { lengths, times, senders } = this.#heads;
    this.#senders = senders.map(sentBy);
    let end = 0;
    let latest = enqueued;
    for (const [index, length] of lengths.entries()) {
      end += length;
      latest = Math.max(latest, times[index] ?? latest);
      this.#ends.push(end);
      this.#latest.push(latest);
    }
  }

  has(partition: number, sequenceNumber: number): boolean {
    const index = sequenceNumber - this.first;
    return partition === this.partition && index >= 0 && index < this.count;
  }

  /** Adds the messages from the number `from` on to `rows`, until these are `limit`. */
  addTo(rows: LogRow[], from: number, limit: number): void {
    const start = Math.max(0, from - this.first);
    const end = Math.min(this.count, start + limit - rows.length);
    for (let index = start; index < end; index++) {
      const row = this.#row(index);
      if (row !== undefined) rows.push(row);
    }
  }

  #row(index: number): LogRow | undefined {
    const { places, lengths, times, properties } = this.#heads;
    const by = this.#senders[places[index] ?? -1];
    const length = lengths[index];
    const end = this.#ends[index];
    const enqueued = this.#latest[index];
    const enqueuedTime = times[index];
    const said = properties[index];
    if (by === undefined || length === undefined || end === undefined) return undefined;
    if (enqueued === undefined || enqueuedTime === undefined) return undefined;
    const { buffer, byteOffset } = this.#bodies;
    const message: EventMessage = {
      key: by.key,
      body: new Uint8Array(buffer, byteOffset + end - length, length),
      system: said?.[0] ?? noSystem,
      application: said?.[1] ?? noApplication,
      source: by.source,
      enqueuedTime,
      generationId: by.generationId,
      authMethod: by.authMethod,
      modelId: by.modelId,
    };
    const sequenceNumber = this.first + index;
    const total = this.#before + end;
    return { partition: this.partition, sequenceNumber, enqueued, total, message };
  }
}

function sentBy([deviceId, moduleId, generationId, authMethod, modelId, source]: Sender): By {
  const key = moduleId === "" ? { deviceId } : { deviceId, moduleId };
  return { key, generationId, authMethod, modelId, source };
}
