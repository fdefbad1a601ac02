import type { JsonObject } from "../../domain/json.ts";
import type { Changes } from "../shared/changes.ts";
import { absent, type RecordCache } from "./cache.ts";
import { columnsOf, logPosition } from "./codec.ts";
import type { Driver, Statement } from "./driver.ts";
import { eventBlocks, type KnownTexts } from "./event-block.ts";
import { blocksOf } from "./log-block.ts";
import type { SqliteRecords } from "./records.ts";
import type { TwinJournal } from "./twin-journal.ts";

/** Writes batches: the twins of a batch cost one row of `twin_journal`, and its events one of `outbox`. */
export class SqliteWriter {
  readonly #driver: Driver;
  readonly #cache: RecordCache;
  readonly #records: SqliteRecords;
  readonly #journal: TwinJournal;
  readonly #statements: ReturnType<typeof prepareWrites>;

  constructor(driver: Driver, cache: RecordCache, records: SqliteRecords, journal: TwinJournal) {
    this.#driver = driver;
    this.#cache = cache;
    this.#records = records;
    this.#journal = journal;
    this.#statements = prepareWrites(driver);
  }

  /** One SQLite transaction; the cache and the journal's memory follow only when it is committed. */
  commit(changes: Changes, firstSequence: number, lastQueueNumber: number): void {
    const cached: (() => void)[] = [];
    const twins = this.#journal.plan(changes, (key) => this.#cache.twins.peek(key));
    this.#driver.transaction(() => {
      this.#writeIdentities(changes, cached);
      this.#journal.write(twins);
      this.#writeSmall(changes);
      this.#writeQueues(changes, lastQueueNumber);
      this.#writeEvents(changes, firstSequence, twins.changes);
      this.#writeLog(changes);
    });
    for (const put of cached) put();
    this.#journal.settle(twins);
    for (const [key, twin, length] of twins.changed) {
      if (twin === null) this.#cache.twins.delete(key);
      else this.#cache.putTwin(key, twin, length);
    }
    for (const [key, presence] of changes.presence)
      this.#cache.presences.set(key, presence ?? absent);
    for (const [key, session] of changes.sessions) this.#cache.sessions.set(key, session ?? absent);
    if (changes.policies.size > 0) this.#records.forgetPolicies();
  }

  #writeIdentities(changes: Changes, cached: (() => void)[]): void {
    for (const [key, identity] of changes.identities) {
      const columns = columnsOf(key);
      if (identity === null) {
        this.#statements.deleteIdentity.run(columns);
        cached.push(() => this.#cache.identities.delete(key));
      } else {
        const text = JSON.stringify(identity);
        this.#statements.putIdentity.run([...columns, text]);
        cached.push(() => this.#cache.putIdentity(key, identity, text.length));
      }
    }
  }

  #writeSmall(changes: Changes): void {
    const { statements } = { statements: this.#statements };
    for (const [key, presence] of changes.presence) {
      if (presence === null) statements.deletePresence.run(columnsOf(key));
      else {
        const { connected, stateUpdatedTime, lastActivityTime, ...detail } = presence;
        const times = [connected ? 1 : 0, stateUpdatedTime, lastActivityTime];
        statements.putPresence.run([...columnsOf(key), ...times, JSON.stringify(detail)]);
      }
    }
    for (const [key, session] of changes.sessions) {
      if (session === null) statements.deleteSession.run(columnsOf(key));
      else statements.putSession.run([...columnsOf(key), JSON.stringify(session)]);
    }
    for (const [name, policy] of changes.policies) {
      if (policy === null) statements.deletePolicy.run([name]);
      else statements.putPolicy.run([name, JSON.stringify(policy)]);
    }
    for (const [collection, written] of changes.documents) {
      for (const [id, value] of written) this.#writeDocument(collection, id, value);
    }
  }

  #writeDocument(collection: string, id: string, value: JsonObject | null): void {
    if (value === null) this.#statements.deleteDocument.run([collection, id]);
    else this.#statements.putDocument.run([collection, id, JSON.stringify(value)]);
  }

  #writeQueues(changes: Changes, lastQueueNumber: number): void {
    for (const [name, items] of changes.queues.written) {
      for (const [sequence, item] of items) {
        if (item === null) this.#statements.deleteQueueItem.run([sequence]);
        else {
          const doc = JSON.stringify(item.value);
          this.#statements.putQueueItem.run([sequence, name, doc, item.body]);
        }
      }
    }
    // Only a deletion can make the newest number vanish from the table.
    if (changes.queues.deleted > 0) this.#statements.putMark.run(["queues", lastQueueNumber]);
  }

  #writeEvents(changes: Changes, firstSequence: number, known: KnownTexts): void {
    for (const { first, count, events } of eventBlocks(changes.events, firstSequence, known)) {
      this.#statements.putEvents.run([first, count, events]);
    }
    if (changes.trimEventsTo === 0) return;
    // A block that is trimmed in part stays; what is before the trim's end is not read any more.
    this.#statements.trimEvents.run([changes.trimEventsTo, changes.trimEventsTo]);
    this.#statements.putMark.run(["outbox", changes.trimEventsTo]);
  }

  #writeLog(changes: Changes): void {
    for (const block of blocksOf(changes.appends)) {
      const { partition, first, count, enqueued, before, heads, bodies } = block;
      const position = logPosition(partition, first);
      this.#statements.append.run([position, count, enqueued, before, heads, bodies]);
    }
    for (const [partition, { upTo, enqueued, total }] of changes.logTrims) {
      const end = logPosition(partition, upTo);
      // A block that is kept in part stays; what is before the trim's end is not read any more.
      this.#statements.trimLog.run([logPosition(partition, 0), end, end]);
      this.#statements.putLogTrim.run([partition, upTo, enqueued, total]);
    }
  }
}

function prepareWrites(driver: Driver): Record<keyof typeof writes, Statement> {
  const entries = Object.entries(writes).map(([name, sql]) => [name, driver.prepare(sql)]);
  return Object.fromEntries(entries) as Record<keyof typeof writes, Statement>;
}

// coalesce: Node 22 binds an empty Uint8Array as NULL.
const writes = {
  putIdentity:
    "INSERT INTO identities (device_id, module_id, doc) VALUES (?, ?, jsonb(?)) ON CONFLICT (device_id, module_id) DO UPDATE SET doc = excluded.doc",
  deleteIdentity: "DELETE FROM identities WHERE device_id = ? AND module_id = ?",
  putPresence:
    "INSERT INTO presence (device_id, module_id, connected, state_updated_time, last_activity_time, detail) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (device_id, module_id) DO UPDATE SET connected = excluded.connected, state_updated_time = excluded.state_updated_time, last_activity_time = excluded.last_activity_time, detail = excluded.detail",
  deletePresence: "DELETE FROM presence WHERE device_id = ? AND module_id = ?",
  putSession: "INSERT OR REPLACE INTO sessions (device_id, module_id, doc) VALUES (?, ?, ?)",
  deleteSession: "DELETE FROM sessions WHERE device_id = ? AND module_id = ?",
  putPolicy: "INSERT OR REPLACE INTO policies (name, doc) VALUES (?, ?)",
  deletePolicy: "DELETE FROM policies WHERE name = ?",
  putDocument:
    "INSERT INTO documents (collection, id, doc) VALUES (?, ?, jsonb(?)) ON CONFLICT (collection, id) DO UPDATE SET doc = excluded.doc",
  deleteDocument: "DELETE FROM documents WHERE collection = ? AND id = ?",
  putQueueItem:
    "INSERT OR REPLACE INTO queues (sequence, name, doc, body) VALUES (?, ?, ?, coalesce(?, x''))",
  deleteQueueItem: "DELETE FROM queues WHERE sequence = ?",
  putEvents: "INSERT INTO outbox (sequence, count, events) VALUES (?, ?, ?)",
  trimEvents: "DELETE FROM outbox WHERE sequence <= ? AND sequence + count - 1 <= ?",
  putMark: "INSERT OR REPLACE INTO marks (name, value) VALUES (?, ?)",
  append:
    "INSERT INTO log (position, count, enqueued, before, heads, bodies) VALUES (?, ?, ?, ?, ?, coalesce(?, x''))",
  trimLog: "DELETE FROM log WHERE position > ? AND position <= ? AND position + count - 1 <= ?",
  putLogTrim:
    "INSERT OR REPLACE INTO log_trims (partition, sequence_number, enqueued, total) VALUES (?, ?, ?, ?)",
} as const;
