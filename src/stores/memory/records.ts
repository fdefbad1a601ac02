import type {
  CommittedEvent,
  QueueItem,
  Session,
  TwinPage,
  TwinRow,
  TwinScan,
} from "../../app/ports.ts";
import {
  type Identity,
  isModule,
  type Module,
  type Presence,
} from "../../domain/identity/identity.ts";
import { type IdentityKey, keyText, parseKeyText } from "../../domain/identity/key.ts";
import type { Policy } from "../../domain/identity/policy.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { Twin } from "../../domain/twin/twin.ts";
import type { DocumentEntry, LogMark, Records, TwinEntry } from "../shared/backend.ts";
import type { Changes, LogRow } from "../shared/changes.ts";
import { ordinal } from "../shared/ordinal.ts";
import { SortedKeys } from "./sorted-keys.ts";

/** Below every character of an id, so that the modules of `d` come before the device `d!`. */
const separator = "\u0000";
const justAbove = "\u0001";

/** The hub's state in maps. */
export class MemoryRecords implements Records {
  readonly #identities = new Map<string, Identity>();
  readonly #twins = new Map<string, Twin>();
  readonly #presence = new Map<string, Presence>();
  readonly #sessions = new Map<string, Session>();
  readonly #policies = new Map<string, Policy>();
  readonly #documents = new Map<string, Map<string, JsonObject>>();
  readonly #devices = new SortedKeys();
  /** Device and module id with the separator between. */
  readonly #modules = new SortedKeys();
  /** Items by number: numbers rise, so that the order of the map is that of the queue. */
  readonly #queues = new Map<string, Map<number, QueueItem>>();
  readonly #queueNames = new SortedKeys();
  readonly #events: CommittedEvent[] = [];
  readonly #log: LogRow[][];

  constructor(partitions: number) {
    this.#log = Array.from({ length: partitions }, () => []);
  }

  identity(key: string): Identity | undefined {
    return this.#identities.get(key);
  }

  twin(key: string): Twin | undefined {
    return this.#twins.get(key);
  }

  presence(key: string): Presence | undefined {
    return this.#presence.get(key);
  }

  session(key: string): Session | undefined {
    return this.#sessions.get(key);
  }

  policy(name: string): Policy | undefined {
    return this.#policies.get(name);
  }

  policies(): readonly Policy[] {
    return [...this.#policies.values()].sort((a, b) => ordinal(a.name, b.name));
  }

  document(collection: string, id: string): JsonObject | undefined {
    return this.#documents.get(collection)?.get(id);
  }

  documents(collection: string): readonly DocumentEntry[] {
    return [...(this.#documents.get(collection) ?? [])]
      .map(([id, value]) => ({ id, value }))
      .sort((a, b) => ordinal(a.id, b.id));
  }

  modulesOf(deviceId: string): readonly Module[] {
    const keys = this.#modules.after(deviceId + separator, Infinity, deviceId + justAbove);
    return this.#identitiesAt(keys).filter(isModule);
  }

  listDevices(after: string | null, limit: number): readonly Identity[] {
    return this.#identitiesAt(this.#devices.after(after ?? "", limit));
  }

  listTwins(
    of: "devices" | "modules",
    after: IdentityKey | null,
    limit: number,
  ): readonly TwinEntry[] {
    const keys = of === "devices" ? this.#devices : this.#modules;
    const from = after === null ? "" : of === "devices" ? after.deviceId : sortKey(after);
    return this.#identitiesAt(keys.after(from, limit)).flatMap((identity) => {
      const twin = this.#twins.get(keyText(identity));
      return twin === undefined ? [] : [{ identity, twin }];
    });
  }

  /** Pages of everything: the caller looks at the condition. */
  scanTwins({ source, after, limit }: TwinScan): TwinPage {
    const entries = this.listTwins(source === "devices" ? "devices" : "modules", after, limit);
    const rows = entries.flatMap(({ identity, twin }): TwinRow[] => {
      const device = isModule(identity) ? this.#identities.get(identity.deviceId) : identity;
      if (device === undefined || isModule(device)) return [];
      return [{ identity, device, twin, presence: this.#presence.get(keyText(identity)) }];
    });
    const last = entries.at(-1)?.identity;
    return { rows, next: entries.length < limit || last === undefined ? null : last };
  }

  queue(name: string, limit: number): readonly QueueItem[] {
    const items: QueueItem[] = [];
    for (const item of this.#queues.get(name)?.values() ?? []) {
      if (items.length >= limit) break;
      items.push(item);
    }
    return items;
  }

  queueItem(name: string, sequence: number): QueueItem | undefined {
    return this.#queues.get(name)?.get(sequence);
  }

  queueLength(name: string): number {
    return this.#queues.get(name)?.size ?? 0;
  }

  queueNames(prefix: string, after: string | null, limit: number): readonly string[] {
    const above = `${prefix}\uffff`;
    if (after === null || after < prefix) {
      const first = this.#queues.has(prefix) ? [prefix] : [];
      return [...first, ...this.#queueNames.after(prefix, limit, above)].slice(0, limit);
    }
    return this.#queueNames.after(after, limit, above);
  }

  events(after: number, limit: number): readonly CommittedEvent[] {
    const skip = Math.max(0, after + 1 - (this.#events[0]?.sequence ?? 0));
    return this.#events.slice(skip, skip + limit);
  }

  logRows(partition: number, from: number, limit: number): readonly LogRow[] {
    const rows = this.#rows(partition);
    const skip = Math.max(0, from - (rows[0]?.sequenceNumber ?? 0));
    return rows.slice(skip, skip + limit);
  }

  logMark(partition: number, sequenceNumber: number): LogMark {
    const [row] = this.logRows(partition, sequenceNumber, 1);
    if (row === undefined) throw new RangeError(`No message ${sequenceNumber} in ${partition}`);
    return row;
  }

  apply(changes: Changes, firstSequence: number): void {
    for (const [key, identity] of changes.identities) this.#index(key, identity !== null);
    apply(changes.identities, this.#identities);
    apply(changes.twins, this.#twins);
    apply(changes.presence, this.#presence);
    apply(changes.sessions, this.#sessions);
    apply(changes.policies, this.#policies);
    for (const [collection, written] of changes.documents) {
      const values = this.#documents.get(collection) ?? new Map<string, JsonObject>();
      apply(written, values);
      this.#documents.set(collection, values);
    }
    this.#applyQueues(changes);
    for (const [index, event] of changes.events.entries()) {
      this.#events.push({ sequence: firstSequence + index, event });
    }
    this.#events.splice(0, countUpTo(this.#events[0]?.sequence, changes.trimEventsTo));
    for (const row of changes.appends) this.#rows(row.partition).push(row);
    for (const [partition, trim] of changes.logTrims) {
      const rows = this.#rows(partition);
      rows.splice(0, countUpTo(rows[0]?.sequenceNumber, trim.upTo));
    }
  }

  #rows(partition: number): LogRow[] {
    return this.#log[partition] ?? [];
  }

  #applyQueues(changes: Changes): void {
    for (const [name, written] of changes.queues.written) {
      const items = this.#queues.get(name) ?? new Map<number, QueueItem>();
      apply(written, items);
      if (items.size === 0) {
        this.#queues.delete(name);
        this.#queueNames.delete(name);
      } else {
        this.#queues.set(name, items);
        this.#queueNames.add(name);
      }
    }
  }

  #index(key: string, present: boolean): void {
    const parsed = parseKeyText(key);
    const keys = parsed.moduleId === undefined ? this.#devices : this.#modules;
    if (present) keys.add(sortKey(parsed));
    else keys.delete(sortKey(parsed));
  }

  #identitiesAt(sortKeys: readonly string[]): Identity[] {
    return sortKeys.flatMap((key) => this.#identities.get(key.replace(separator, "/")) ?? []);
  }
}

function sortKey(key: IdentityKey): string {
  return key.moduleId === undefined ? key.deviceId : key.deviceId + separator + key.moduleId;
}

function countUpTo(first: number | undefined, upTo: number): number {
  return first === undefined ? 0 : Math.max(0, upTo - first + 1);
}

function apply<K, V>(written: ReadonlyMap<K, V | null>, values: Map<K, V>): void {
  for (const [key, value] of written) {
    if (value === null) values.delete(key);
    else values.set(key, value);
  }
}
