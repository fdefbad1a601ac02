import { type Counter, type Histogram, type Meter, noMeter } from "../../app/meter.ts";
import type {
  Clock,
  CommittedEvent,
  HubReads,
  HubTx,
  Log,
  LogPosition,
  StoreFigures,
} from "../../app/ports.ts";
import { type Completion, refuseLater } from "../../app/completion.ts";
import { HubError } from "../../domain/errors.ts";
import type { EventMessage } from "../../domain/messages/telemetry.ts";
import type { Milliseconds } from "../../domain/time.ts";
import type { Backend, LogTail, StoredState } from "./backend.ts";
import { Batch, tailOf } from "./batch.ts";
import { Changes, type LogTrim } from "./changes.ts";
import { LayeredTransaction } from "./transaction.ts";

export interface CommitLimits {
  /** Works that may wait for a commit; more are refused with ServiceUnavailable. */
  readonly maxWaiting: number;
  /** Bytes of message bodies that may wait for a commit. */
  readonly maxWaitingBytes: number;
  /** Works in one commit; bounds how long the event loop stands still. */
  readonly maxBatch: number;
}

export const defaultCommitLimits: CommitLimits = {
  maxWaiting: 100_000,
  maxWaitingBytes: 256 * 1024 * 1024,
  maxBatch: 4_096,
};

interface Waiting {
  readonly bytes: number;
  /** For how many it counts: messages that are appended together are one work. */
  readonly count: number;
  run(batch: Batch): unknown;
  done(value: unknown): void;
  refused(error: unknown): void;
}

/** Messages that are appended together: all or none. */
class Appending implements Waiting {
  readonly bytes: number;
  readonly count: number;
  readonly #partition: number;
  readonly #messages: readonly EventMessage[];
  readonly #completion: Completion;

  constructor(partition: number, messages: readonly EventMessage[], completion: Completion) {
    let bytes = 0;
    for (const { body } of messages) bytes += body.byteLength;
    this.bytes = bytes;
    this.count = messages.length;
    this.#partition = partition;
    this.#messages = messages;
    this.#completion = completion;
  }

  run(batch: Batch): void {
    batch.appendAll(this.#partition, this.#messages);
  }

  done(): void {
    this.#completion.done();
  }

  refused(error: unknown): void {
    this.#completion.refused(error);
  }
}

/**
 * How long what is only about connections waits for a commit that is made for something else, in milliseconds: a crowd that
 * comes back shares its pages, its flush and the checkpoint behind it.
 */
const relaxedDelay = 250;
/** The same after a commit has failed. */
const retryDelay = 1_000;

const stopping = "The hub is stopping: its store takes no more work";
/** What a read has written. */
const noChanges = new Changes();

/** What became of a work in its batch. */
type Outcome =
  | { readonly kind: "read" | "wrote" | "relaxed"; readonly value: unknown }
  | { readonly kind: "threw"; readonly error: unknown };

interface Meters {
  readonly seconds: Meter["seconds"];
  readonly duration: Histogram;
  readonly operations: Histogram;
  readonly failures: Counter;
}

export interface Listeners {
  committed(events: readonly CommittedEvent[]): void;
  appended(partition: number, lastSequenceNumber: number): void;
}

/**
 * Runs what one turn of the event loop asked for, in order, and commits it as one. There is no timer: what
 * arrives while a commit runs is the next batch.
 *
 * Works are settled in their order, after the commit; listeners hear of it one turn later. Works that
 * write nothing but connections are settled before: their batch stays open for what follows, and sees them.
 */
export class GroupCommit {
  readonly #backend: Backend;
  readonly #clock: Clock;
  readonly #log: Log | undefined;
  readonly #limits: CommitLimits;
  readonly #listeners: Listeners;
  #queue: Waiting[] = [];
  #waitingCount = 0;
  #waitingBytes = 0;
  #scheduled = false;
  #closed = false;
  #open: OpenBatch | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Works that run alone, or wait for that. */
  #holders = 0;
  #held: Promise<void> = Promise.resolve();
  #announcing = 0;
  #state: StoredState;
  readonly #meters: Meters;

  constructor(
    backend: Backend,
    state: StoredState,
    listeners: Listeners,
    clock: Clock,
    limits: CommitLimits = defaultCommitLimits,
    log?: Log,
    meter: Meter = noMeter,
  ) {
    this.#backend = backend;
    this.#listeners = listeners;
    this.#clock = clock;
    this.#limits = limits;
    this.#log = log;
    this.#state = state;
    this.#meters = {
      seconds: meter.seconds,
      duration: meter.histogram("twinhub_commit_duration_seconds"),
      operations: meter.histogram("twinhub_commit_operations"),
      failures: meter.counter("twinhub_commit_failures_total"),
    };
  }

  /** Queues `work`; see HubStore.transaction. */
  transaction<T>(work: (tx: HubTx) => T): Promise<T> {
    return this.#enqueue((batch) => batch.transaction(work), 0);
  }

  /** Runs `work` now; see HubStore.read. Must not be called by a work. */
  read<T>(work: (reads: HubReads) => T): T {
    if (this.#closed) throw new HubError("ServiceUnavailable", stopping);
    const reads = new LayeredTransaction(this.#clock.now(), {
      committed: this.#backend.records,
      state: this.#state,
      batch: this.#open?.batch.changes ?? noChanges,
      work: noChanges,
    });
    try {
      return work(reads);
    } finally {
      reads.end();
    }
  }

  append(partition: number, message: EventMessage): Promise<LogPosition> {
    return this.#enqueue((batch) => batch.append(partition, message), message.body.byteLength);
  }

  /** Together one work: all or none. */
  appendAll(partition: number, messages: readonly EventMessage[], completion: Completion): void {
    const appending = new Appending(partition, messages, completion);
    const refusal = this.#refusal(appending.bytes);
    if (refusal === undefined) this.#add(appending);
    else refuseLater(completion, new HubError("ServiceUnavailable", refusal));
  }

  trimEvents(upTo: number): Promise<void> {
    return this.#enqueue((batch) => batch.trimEvents(upTo), 0);
  }

  trimLog(partition: number, trim: LogTrim): Promise<void> {
    return this.#enqueue((batch) => batch.trimLog(partition, trim), 0);
  }

  /**
   * Runs `work` while no transaction runs: what is asked for meanwhile waits, within the limits. One after the other.
   */
  alone<T>(work: () => Promise<T>): Promise<T> {
    this.#holders++;
    const done = this.#held.then(work);
    this.#held = done.then(
      () => this.#release(),
      () => this.#release(),
    );
    return done;
  }

  /** The committed end of a partition. */
  tail(partition: number): LogTail {
    return tailOf(this.#state, partition);
  }

  /** Outbox events that are kept. */
  get keptEvents(): number {
    return this.#state.lastSequence - this.#state.trimmedSequence;
  }

  /** The newest event that was dropped, or 0. */
  get trimmedSequence(): number {
    return this.#state.trimmedSequence;
  }

  /** What waits and what is kept; `partitions` of the hub's own log. */
  figures(partitions: number): StoreFigures {
    const eventLog = { messages: 0, bytes: 0, appended: 0, appendedBytes: 0 };
    for (const { first, last, total, dropped } of this.#state.tails.slice(0, partitions)) {
      eventLog.messages += last + 1 - first;
      eventLog.bytes += total - dropped;
      eventLog.appended += last;
      eventLog.appendedBytes += total;
    }
    const [waiting, waitingBytes] = [this.#waitingCount, this.#waitingBytes];
    return { waiting, waitingBytes, outboxEvents: this.keptEvents, eventLog };
  }

  get lastSequence(): number {
    return this.#state.lastSequence;
  }

  /** Resolves when everything that was answered is committed. */
  async whenWritten(): Promise<void> {
    if (this.#open !== undefined) await this.#enqueue((batch) => batch.end(), 0);
  }

  /** Refuses new work, and resolves when everything asked for is settled and announced. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#held;
    // What is asked for before is in it, or behind it in the queue.
    this.#commitOpen();
    while (this.#queue.length > 0 || this.#announcing > 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #enqueue<T>(run: (batch: Batch) => T, bytes: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const refusal = this.#refusal(bytes);
      if (refusal !== undefined) {
        reject(new HubError("ServiceUnavailable", refusal));
        return;
      }
      const done = resolve as (value: unknown) => void;
      this.#add({ run, bytes, count: 1, done, refused: reject });
    });
  }

  #add(item: Waiting): void {
    this.#waitingCount += item.count;
    this.#waitingBytes += item.bytes;
    this.#queue.push(item);
    this.#schedule();
  }

  #refusal(bytes: number): string | undefined {
    const { maxWaiting, maxWaitingBytes } = this.#limits;
    if (this.#closed) return stopping;
    if (this.#waitingCount >= maxWaiting) {
      return `The store has ${maxWaiting} operations waiting, its limit, try again later`;
    }
    if (this.#waitingBytes + bytes > maxWaitingBytes && this.#queue.length > 0) {
      return `The store has ${maxWaitingBytes} bytes of messages waiting, its limit, try again later`;
    }
    return undefined;
  }

  #schedule(): void {
    if (this.#scheduled || this.#holders > 0) return;
    this.#scheduled = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#scheduled = false;
    if (this.#holders > 0) return;
    this.#run(this.#take(), this.#clock.now());
  }

  #release(): void {
    this.#holders--;
    if (this.#queue.length > 0 || this.#open !== undefined) this.#schedule();
  }

  /** `commits`: also what could wait for another commit. */
  #run(waiting: readonly Waiting[], now: Milliseconds, commits = this.#closed): void {
    const { batch, works } = this.#open ?? { batch: this.#newBatch(now), works: [] };
    batch.now = now;
    this.#open = undefined;
    const outcomes = waiting.map((item) => attempt(item, batch));
    const { writes, relaxed } = batch.changes;
    const isFull = works.length >= this.#limits.maxBatch;
    if (writes > 0 || (relaxed > 0 && (commits || isFull))) {
      try {
        const after = batch.stateAfter();
        const started = this.#meters.seconds();
        this.#backend.commit(batch.changes, this.#state.lastSequence + 1, after.lastQueueNumber);
        this.#meters.duration.record(this.#meters.seconds() - started);
        this.#meters.operations.record(countOf(works) + countOf(waiting));
        this.#committed(batch.changes, after);
      } catch (error) {
        if (works.length + waiting.length > 1 && this.#backend.blames(error)) {
          for (const item of [...works, ...waiting]) this.#run([item], now, true);
        } else {
          this.#commitFailed(waiting, outcomes, error, now);
          if (!this.#backend.blames(error)) this.#runAgain(works, now);
        }
        return;
      }
    } else if (relaxed > 0) {
      const kept = waiting.filter((_, index) => outcomes[index]?.kind === "relaxed");
      this.#keepOpen({ batch, works: [...works, ...kept] }, relaxedDelay);
    }
    for (let index = 0; index < waiting.length; index++)
      this.#settle(waiting[index], outcomes[index]);
  }

  #settle(item: Waiting | undefined, outcome: Outcome | undefined): void {
    if (item === undefined || outcome === undefined) return;
    if (outcome.kind === "threw") this.#refuse(item, outcome.error);
    else
      try {
        item.done(outcome.value);
      } catch (error) {
        this.#tellBug(error);
      }
  }

  #refuse(item: Waiting, reason: unknown): void {
    try {
      item.refused(reason);
    } catch (error) {
      this.#tellBug(error);
    }
  }

  /** A completion has thrown: the others are to hear of their commit all the same. */
  #tellBug(error: unknown): void {
    this.#log?.error({ err: error }, "What waited for a commit failed when it was told");
  }

  #keepOpen(open: OpenBatch, delay: Milliseconds): void {
    this.#open = open;
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#holders === 0) this.#commitOpen();
    }, delay).unref();
  }

  #commitOpen(): void {
    if (this.#open !== undefined) this.#run([], this.#clock.now(), true);
  }

  /** Works that were answered, and whose writes were lost with those of others. */
  #runAgain(works: readonly Waiting[], now: Milliseconds): void {
    if (this.#closed || works.length === 0) return;
    const batch = this.#newBatch(now);
    for (const item of works) attempt(item, batch);
    if (batch.changes.relaxed > 0) this.#keepOpen({ batch, works }, retryDelay);
  }

  #take(): Waiting[] {
    const waiting = this.#queue;
    let taken = 0;
    let count = 0;
    while (taken < waiting.length && count < this.#limits.maxBatch) {
      const item = waiting[taken++];
      count += item?.count ?? 0;
      this.#waitingBytes -= item?.bytes ?? 0;
    }
    this.#waitingCount -= count;
    this.#queue = taken < waiting.length ? waiting.splice(taken) : [];
    if (this.#queue.length > 0) this.#schedule();
    return waiting;
  }

  #newBatch(now: Milliseconds): Batch {
    return new Batch(now, this.#backend, this.#state);
  }

  #committed(changes: Changes, after: StoredState): void {
    const first = this.#state.lastSequence + 1;
    this.#state = after;
    const events = changes.events.map((event, index) => ({ sequence: first + index, event }));
    const appended = new Set<number>();
    for (const row of changes.appends) appended.add(row.partition);
    if (events.length === 0 && appended.size === 0) return;
    this.#announcing++;
    // A turn later: answers that callers write in microtasks leave before pushes do.
    setImmediate(() => this.#announce(events, appended));
  }

  #announce(events: readonly CommittedEvent[], appended: ReadonlySet<number>): void {
    this.#announcing--;
    try {
      if (events.length > 0) this.#listeners.committed(events);
      for (const partition of appended) {
        this.#listeners.appended(partition, this.tail(partition).last);
      }
    } catch (error) {
      if (this.#log === undefined) throw error;
      this.#log.error({ err: error }, "A listener of committed events failed");
    }
  }

  /**
   * Nothing of the batch was written. Its writes are refused; works that wrote nothing may have seen the lost
   * writes, so they run again on what is committed.
   */
  #commitFailed(
    waiting: readonly Waiting[],
    outcomes: readonly Outcome[],
    error: unknown,
    now: Milliseconds,
  ): void {
    this.#meters.failures.add(1);
    const message = this.#backend.explain(error);
    this.#log?.error({ err: error, lost: waiting.length }, message);
    for (const [index, item] of waiting.entries()) {
      const batch = this.#newBatch(now);
      const kind = outcomes[index]?.kind;
      const outcome = kind === "wrote" || kind === "relaxed" ? undefined : attempt(item, batch);
      if (outcome === undefined || batch.changes.writes + batch.changes.relaxed > 0) {
        this.#refuse(item, new HubError("ServiceUnavailable", message));
      } else this.#settle(item, outcome);
    }
  }
}

/** A batch that waits for its commit, with the works that were answered. */
interface OpenBatch {
  readonly batch: Batch;
  readonly works: readonly Waiting[];
}

function countOf(works: readonly Waiting[]): number {
  let count = 0;
  for (const item of works) count += item.count;
  return count;
}

function attempt(item: Waiting, batch: Batch): Outcome {
  const { writes, relaxed } = batch.changes;
  try {
    const value = item.run(batch);
    if (batch.changes.writes > writes) return { kind: "wrote", value };
    return { kind: batch.changes.relaxed > relaxed ? "relaxed" : "read", value };
  } catch (error) {
    return { kind: "threw", error };
  }
}
