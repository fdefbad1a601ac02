import type { HubTx, LogPosition } from "../../app/ports.ts";
import type { EventMessage } from "../../domain/messages/telemetry.ts";
import type { Milliseconds } from "../../domain/time.ts";
import type { Backend, LogTail, StoredState } from "./backend.ts";
import { Changes, type LogTrim } from "./changes.ts";
import { LayeredTransaction, sumCounts } from "./transaction.ts";

type OpenTail = { -readonly [name in keyof LogTail]: LogTail[name] };

/** The works of one commit. */
export class Batch {
  readonly changes = new Changes();
  /** The ends of the partitions that this batch appends to or trims. */
  readonly tails = new Map<number, OpenTail>();
  /** The time of the works to come. */
  now: Milliseconds;
  /** What the work that is running has written; empty between works. A batch of messages has none. */
  #work: Changes | undefined;
  readonly #backend: Backend;
  readonly #state: StoredState;

  constructor(now: Milliseconds, backend: Backend, state: StoredState) {
    this.now = now;
    this.#backend = backend;
    this.#state = state;
  }

  /** The state once this batch is committed. */
  stateAfter(): StoredState {
    const { changes, tails } = this;
    const state = this.#state;
    return {
      lastSequence: state.lastSequence + changes.events.length,
      trimmedSequence: Math.max(state.trimmedSequence, changes.trimEventsTo),
      lastQueueNumber: state.lastQueueNumber + changes.queues.added,
      counts: sumCounts(state.counts, changes),
      tails: tails.size === 0 ? state.tails : replaced(state.tails, tails),
    };
  }

  transaction<T>(work: (tx: HubTx) => T): T {
    const own = (this.#work ??= new Changes());
    const layers = {
      committed: this.#backend.records,
      state: this.#state,
      batch: this.changes,
      work: own,
    };
    const tx = new LayeredTransaction(this.now, layers);
    try {
      const value = work(tx);
      this.changes.merge(own);
      return value;
    } finally {
      tx.end();
      own.clear();
    }
  }

  append(partition: number, message: EventMessage): LogPosition {
    const tail = this.#tail(partition);
    const sequenceNumber = ++tail.last;
    const enqueued = Math.max(tail.enqueued, message.enqueuedTime);
    const total = tail.total + message.body.byteLength;
    tail.enqueued = enqueued;
    tail.total = total;
    this.changes.writes++;
    this.changes.appends.push({ partition, sequenceNumber, message, enqueued, total });
    return { partition, sequenceNumber };
  }

  /** All or none: nothing is appended if the partition is not there. */
  appendAll(partition: number, messages: readonly EventMessage[]): void {
    for (const message of messages) this.append(partition, message);
  }

  /** Makes whatever is in the batch need a commit. */
  end(): void {
    this.changes.writes += this.changes.relaxed;
  }

  trimEvents(upTo: number): void {
    const end = Math.min(upTo, this.#state.lastSequence);
    if (end <= Math.max(this.#state.trimmedSequence, this.changes.trimEventsTo)) return;
    this.changes.writes++;
    this.changes.trimEventsTo = end;
  }

  trimLog(partition: number, trim: LogTrim): void {
    const tail = this.#tail(partition);
    if (trim.upTo < tail.first) return;
    this.changes.writes++;
    this.changes.logTrims.set(partition, trim);
    tail.first = trim.upTo + 1;
    tail.dropped = trim.total;
  }

  /** The batch's own copy of a tail. */
  #tail(partition: number): OpenTail {
    const known = this.tails.get(partition);
    if (known !== undefined) return known;
    const tail = { ...tailOf(this.#state, partition) };
    this.tails.set(partition, tail);
    return tail;
  }
}

function replaced(tails: readonly LogTail[], by: ReadonlyMap<number, LogTail>): readonly LogTail[] {
  const copy = [...tails];
  for (const [partition, tail] of by) copy[partition] = tail;
  return copy;
}

export function tailOf(state: StoredState, partition: number): LogTail {
  const tail = state.tails[partition];
  if (tail === undefined) {
    throw new RangeError(`There is no partition ${partition} of ${state.tails.length}`);
  }
  return tail;
}
