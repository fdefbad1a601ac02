import type { CommittedEvent, QueueItem, Session } from "../../app/ports.ts";
import {
  type Identity,
  isModule,
  type Module,
  type Presence,
} from "../../domain/identity/identity.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import type { Policy } from "../../domain/identity/policy.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { Twin } from "../../domain/twin/twin.ts";
import type { DocumentEntry, LogMark, Records, TwinEntry } from "../shared/backend.ts";
import type { LogRow } from "../shared/changes.ts";
import { absent, type RecordCache } from "./cache.ts";
import { bytesOf, columnsOf, identityOf, parse, twinOf } from "./codec.ts";
import type { Driver, Row, SqlValue } from "./driver.ts";
import { EventRecords } from "./event-records.ts";
import { LogRecords } from "./log-records.ts";
import type { TwinJournal } from "./twin-journal.ts";
import { selectTwin, twinColumnList } from "./twin-rows.ts";

/** Committed records, read by prepared statements through the cache. */
export class SqliteRecords implements Records {
  readonly #cache: RecordCache;
  readonly #events: EventRecords;
  readonly #log: LogRecords;
  readonly #journal: TwinJournal;
  readonly #statements: ReturnType<typeof prepareReads>;

  constructor(driver: Driver, cache: RecordCache, journal: TwinJournal) {
    this.#cache = cache;
    this.#journal = journal;
    this.#events = new EventRecords(driver);
    this.#log = new LogRecords(driver);
    this.#statements = prepareReads(driver);
  }

  identity(key: string): Identity | undefined {
    const cached = this.#cache.identities.get(key);
    if (cached !== undefined) return cached;
    const row = this.#statements.identity.get(columnsOf(key));
    if (row === undefined) return undefined;
    const identity = identityOf(row["doc"]);
    this.#cache.putIdentity(key, identity, lengthOf(row["doc"]));
    return identity;
  }

  twin(key: string): Twin | undefined {
    const cached = this.#cache.twins.get(key);
    if (cached !== undefined) return cached;
    const behind = this.#journal.twin(key);
    if (behind !== undefined) return behind ?? undefined;
    const row = this.#statements.twin.get(columnsOf(key));
    if (row === undefined) return undefined;
    const twin = twinOf(row);
    this.#cache.putTwin(key, twin, lengthOf(row["doc"]) + lengthOf(row["metadata"]));
    return twin;
  }

  presence(key: string): Presence | undefined {
    const { presences } = this.#cache;
    const cached = presences.get(key);
    if (cached !== undefined) return cached === absent ? undefined : cached;
    const presence = this.#readPresence(key);
    presences.set(key, presence ?? absent);
    return presence;
  }

  #readPresence(key: string): Presence | undefined {
    const row = this.#statements.presence.get(columnsOf(key));
    if (row === undefined) return undefined;
    return {
      connected: row["connected"] === 1,
      stateUpdatedTime: Number(row["state_updated_time"]),
      lastActivityTime: Number(row["last_activity_time"]),
      ...(parse(row["detail"]) as Partial<Presence>),
    };
  }

  session(key: string): Session | undefined {
    const { sessions } = this.#cache;
    const cached = sessions.get(key);
    if (cached !== undefined) return cached === absent ? undefined : cached;
    const row = this.#statements.session.get(columnsOf(key));
    const session = row === undefined ? undefined : (parse(row["doc"]) as Session);
    sessions.set(key, session ?? absent);
    return session;
  }

  policy(name: string): Policy | undefined {
    return this.policies().find((policy) => policy.name === name);
  }

  /** A hub has few policies and asks for one with every token. */
  policies(): readonly Policy[] {
    this.#policies ??= this.#statements.policies.all([]).map((row) => parse(row["doc"]) as Policy);
    return this.#policies;
  }

  #policies: readonly Policy[] | undefined;

  /** To be called after a commit that wrote policies. */
  forgetPolicies(): void {
    this.#policies = undefined;
  }

  document(collection: string, id: string): JsonObject | undefined {
    const row = this.#statements.document.get([collection, id]);
    return row === undefined ? undefined : (parse(row["doc"]) as JsonObject);
  }

  documents(collection: string): readonly DocumentEntry[] {
    return this.#statements.documents
      .all([collection])
      .map((row) => ({ id: String(row["id"]), value: parse(row["doc"]) as JsonObject }));
  }

  modulesOf(deviceId: string): readonly Module[] {
    return this.#statements.modulesOf
      .all([deviceId])
      .map((row) => identityOf(row["doc"]))
      .filter(isModule);
  }

  listDevices(after: string | null, limit: number): readonly Identity[] {
    return this.#statements.devices.all([after ?? "", limit]).map((row) => identityOf(row["doc"]));
  }

  listTwins(
    of: "devices" | "modules",
    after: IdentityKey | null,
    limit: number,
  ): readonly TwinEntry[] {
    const deviceId = after?.deviceId ?? "";
    const rows =
      of === "devices"
        ? this.#statements.deviceTwins.all([deviceId, limit])
        : this.#statements.moduleTwins.all([deviceId, after?.moduleId ?? "", limit]);
    return rows.map((row) => ({ identity: identityOf(row["identity"]), twin: twinOf(row) }));
  }

  queue(name: string, limit: number): readonly QueueItem[] {
    return this.#statements.queue.all([name, limit]).map(queueItemOf);
  }

  queueItem(name: string, sequence: number): QueueItem | undefined {
    const row = this.#statements.queueItem.get([sequence, name]);
    return row === undefined ? undefined : queueItemOf(row);
  }

  queueLength(name: string): number {
    return Number(this.#statements.queueLength.get([name])?.["length"]);
  }

  queueNames(prefix: string, after: string | null, limit: number): readonly string[] {
    const names: string[] = [];
    // Each step is one look into the index, however long the queues are.
    let row =
      after === null || after < prefix
        ? this.#statements.queueNameFrom.get([prefix])
        : this.#statements.queueNameAfter.get([after]);
    while (names.length < limit) {
      const name = row?.["name"];
      if (typeof name !== "string" || !name.startsWith(prefix)) break;
      names.push(name);
      row = this.#statements.queueNameAfter.get([name]);
    }
    return names;
  }

  events(after: number, limit: number): readonly CommittedEvent[] {
    return this.#events.after(after, limit);
  }

  logRows(partition: number, from: number, limit: number): readonly LogRow[] {
    return this.#log.rows(partition, from, limit);
  }

  logMark(partition: number, sequenceNumber: number): LogMark {
    return this.#log.mark(partition, sequenceNumber);
  }
}

function queueItemOf(row: Row): QueueItem {
  return {
    sequence: Number(row["sequence"]),
    value: parse(row["doc"]) as JsonObject,
    body: bytesOf(row["body"]),
  };
}

function lengthOf(text: SqlValue | undefined): number {
  return typeof text === "string" ? text.length : 0;
}

function prepareReads(driver: Driver) {
  const joined = `FROM twins t JOIN identities i ON i.device_id = t.device_id AND i.module_id = t.module_id`;
  return {
    identity: driver.prepare(
      "SELECT json(doc) AS doc FROM identities WHERE device_id = ? AND module_id = ?",
    ),
    twin: driver.prepare(selectTwin),
    presence: driver.prepare(
      "SELECT connected, state_updated_time, last_activity_time, detail FROM presence WHERE device_id = ? AND module_id = ?",
    ),
    session: driver.prepare("SELECT doc FROM sessions WHERE device_id = ? AND module_id = ?"),
    policies: driver.prepare("SELECT doc FROM policies ORDER BY name"),
    document: driver.prepare(
      "SELECT json(doc) AS doc FROM documents WHERE collection = ? AND id = ?",
    ),
    documents: driver.prepare(
      "SELECT id, json(doc) AS doc FROM documents WHERE collection = ? ORDER BY id",
    ),
    modulesOf: driver.prepare(
      "SELECT json(doc) AS doc FROM identities WHERE device_id = ? AND module_id > '' ORDER BY module_id",
    ),
    devices: driver.prepare(
      "SELECT json(doc) AS doc FROM identities WHERE device_id > ? AND module_id = '' ORDER BY device_id LIMIT ?",
    ),
    deviceTwins: driver.prepare(
      `SELECT ${twinColumnList}, json(i.doc) AS identity ${joined} WHERE t.device_id > ? AND t.module_id = '' ORDER BY t.device_id LIMIT ?`,
    ),
    moduleTwins: driver.prepare(
      `SELECT ${twinColumnList}, json(i.doc) AS identity ${joined} WHERE (t.device_id, t.module_id) > (?, ?) AND t.module_id > '' ORDER BY t.device_id, t.module_id LIMIT ?`,
    ),
    queue: driver.prepare(
      "SELECT sequence, doc, body FROM queues WHERE name = ? ORDER BY sequence LIMIT ?",
    ),
    queueItem: driver.prepare(
      "SELECT sequence, doc, body FROM queues WHERE sequence = ? AND name = ?",
    ),
    queueLength: driver.prepare("SELECT count(*) AS length FROM queues WHERE name = ?"),
    queueNameFrom: driver.prepare("SELECT min(name) AS name FROM queues WHERE name >= ?"),
    queueNameAfter: driver.prepare("SELECT min(name) AS name FROM queues WHERE name > ?"),
  };
}
