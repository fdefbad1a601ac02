import type { HubTx, QueueItem, RegistryCounts, Session } from "../../app/ports.ts";
import type { HubEvent } from "../../domain/events/hub-event.ts";
import {
  type Identity,
  isModule,
  type Module,
  type Presence,
} from "../../domain/identity/identity.ts";
import { type IdentityKey, keyText } from "../../domain/identity/key.ts";
import type { Policy } from "../../domain/identity/policy.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { Milliseconds } from "../../domain/time.ts";
import type { Report } from "../../domain/twin/apply-reported.ts";
import type { Twin } from "../../domain/twin/twin.ts";
import type { DocumentEntry, Records, StoredState } from "./backend.ts";
import type { Changes, Written } from "./changes.ts";
import { ordinal } from "./ordinal.ts";
import { LayeredQueues } from "./queues.ts";

/** What a transaction reads through, and where it writes to: `work`. */
export interface Layers {
  readonly committed: Records;
  readonly state: StoredState;
  readonly batch: Changes;
  readonly work: Changes;
}

/**
 * A transaction that reads through three layers: what it wrote itself, what earlier works of its batch wrote,
 * and what is committed. Its own writes reach the batch only when the work has succeeded.
 */
export class LayeredTransaction implements HubTx {
  readonly now: Milliseconds;
  readonly #committed: Records;
  readonly #state: StoredState;
  readonly #batch: Changes;
  readonly #work: Changes;
  #layeredQueues: LayeredQueues | undefined;
  #key: IdentityKey | undefined;
  #keyText = "";
  #ended = false;

  constructor(now: Milliseconds, { committed, state, batch, work }: Layers) {
    this.now = now;
    this.#committed = committed;
    this.#state = state;
    this.#batch = batch;
    this.#work = work;
  }

  /** Nothing is read or written any more. */
  end(): void {
    this.#ended = true;
  }

  identity(key: IdentityKey): Identity | undefined {
    return this.#identity(this.#textOf(key));
  }

  modulesOf(deviceId: string): readonly Module[] {
    const committed = this.#committed.modulesOf(deviceId);
    const inBatch = this.#batch.touchedModules.get(deviceId);
    const inWork = this.#open().touchedModules.get(deviceId);
    if (inBatch === undefined && inWork === undefined) return committed;
    const modules = new Map(committed.map((module) => [keyText(module), module]));
    for (const key of [...(inBatch ?? []), ...(inWork ?? [])]) {
      const identity = this.#identity(key);
      if (identity !== undefined && isModule(identity)) modules.set(key, identity);
      else modules.delete(key);
    }
    return [...modules.values()].sort((a, b) => ordinal(a.moduleId, b.moduleId));
  }

  putIdentity(identity: Identity): void {
    const key = keyText(identity);
    this.#open().writeIdentity(key, identity, this.#identity(key));
  }

  deleteIdentity(key: IdentityKey): void {
    const text = keyText(key);
    this.#open().writeIdentity(text, null, this.#identity(text));
  }

  twin(key: IdentityKey): Twin | undefined {
    const text = this.#textOf(key);
    const written = read(text, this.#open().twins, this.#batch.twins);
    return written === undefined ? this.#committed.twin(text) : (written ?? undefined);
  }

  putTwin(key: IdentityKey, twin: Twin): void {
    const work = this.#open();
    work.writeTwin(this.#textOf(key), twin);
  }

  putReport(key: IdentityKey, twin: Twin, report: Report): void {
    this.#open().writeReport(this.#textOf(key), twin, report);
  }

  deleteTwin(key: IdentityKey): void {
    this.#open().writeTwin(keyText(key), null);
  }

  presence(key: IdentityKey): Presence | undefined {
    const text = keyText(key);
    const written = read(text, this.#open().presence, this.#batch.presence);
    return written === undefined ? this.#committed.presence(text) : (written ?? undefined);
  }

  putPresence(key: IdentityKey, presence: Presence): void {
    const work = this.#open();
    work.relaxed++;
    work.presence.set(keyText(key), presence);
  }

  deletePresence(key: IdentityKey): void {
    const work = this.#open();
    work.write(work.presence, keyText(key), null);
  }

  session(key: IdentityKey): Session | undefined {
    const text = keyText(key);
    const written = read(text, this.#open().sessions, this.#batch.sessions);
    return written === undefined ? this.#committed.session(text) : (written ?? undefined);
  }

  putSession(key: IdentityKey, session: Session): void {
    const work = this.#open();
    work.write(work.sessions, keyText(key), session);
  }

  deleteSession(key: IdentityKey): void {
    const work = this.#open();
    work.write(work.sessions, keyText(key), null);
  }

  policy(name: string): Policy | undefined {
    const written = read(name, this.#open().policies, this.#batch.policies);
    return written === undefined ? this.#committed.policy(name) : (written ?? undefined);
  }

  policies(): readonly Policy[] {
    const work = this.#open().policies;
    const committed = this.#committed.policies();
    if (work.size === 0 && this.#batch.policies.size === 0) return committed;
    const policies = new Map(committed.map((policy) => [policy.name, policy]));
    overwrite(policies, this.#batch.policies);
    overwrite(policies, work);
    return [...policies.values()].sort((a, b) => ordinal(a.name, b.name));
  }

  putPolicy(policy: Policy): void {
    const work = this.#open();
    work.write(work.policies, policy.name, policy);
  }

  deletePolicy(name: string): void {
    const work = this.#open();
    work.write(work.policies, name, null);
  }

  document(collection: string, id: string): JsonObject | undefined {
    const written = read(
      id,
      this.#open().documents.get(collection),
      this.#batch.documents.get(collection),
    );
    return written === undefined
      ? this.#committed.document(collection, id)
      : (written ?? undefined);
  }

  documents(collection: string): readonly DocumentEntry[] {
    const inWork = this.#open().documents.get(collection);
    const inBatch = this.#batch.documents.get(collection);
    const committed = this.#committed.documents(collection);
    if (inWork === undefined && inBatch === undefined) return committed;
    const values = new Map(committed.map(({ id, value }) => [id, value]));
    overwrite(values, inBatch);
    overwrite(values, inWork);
    return [...values].map(([id, value]) => ({ id, value })).sort((a, b) => ordinal(a.id, b.id));
  }

  putDocument(collection: string, id: string, value: JsonObject): void {
    this.#open().writeDocument(collection, id, value);
  }

  deleteDocument(collection: string, id: string): void {
    this.#open().writeDocument(collection, id, null);
  }

  counts(): RegistryCounts {
    return sumCounts(sumCounts(this.#state.counts, this.#batch), this.#open());
  }

  queue(name: string, limit: number): readonly QueueItem[] {
    return this.#queues().oldest(name, limit);
  }

  queueItem(name: string, sequence: number): QueueItem | undefined {
    return this.#queues().item(name, sequence);
  }

  queueLength(name: string): number {
    return this.#queues().length(name);
  }

  addToQueue(name: string, value: JsonObject, body: Uint8Array): number {
    this.#open().writes++;
    return this.#queues().add(name, value, body);
  }

  updateQueueItem(name: string, sequence: number, value: JsonObject): void {
    const work = this.#open();
    if (this.#queues().update(name, sequence, value)) work.writes++;
  }

  deleteFromQueue(name: string, sequence: number): void {
    const work = this.#open();
    if (this.#queues().delete(name, sequence)) work.writes++;
  }

  emit(event: HubEvent): void {
    const work = this.#open();
    if (event.type === "connectionChanged") work.relaxed++;
    else work.writes++;
    work.events.push(event);
  }

  /** `keyText`; most works are about one key. */
  #textOf(key: IdentityKey): string {
    if (key !== this.#key) {
      this.#key = key;
      this.#keyText = knownText(key);
    }
    return this.#keyText;
  }

  /** Few works touch queues. */
  #queues(): LayeredQueues {
    const work = this.#open();
    this.#layeredQueues ??= new LayeredQueues(
      this.#committed,
      this.#state.lastQueueNumber,
      this.#batch.queues,
      work.queues,
    );
    return this.#layeredQueues;
  }

  #identity(key: string): Identity | undefined {
    const written = read(key, this.#open().identities, this.#batch.identities);
    return written === undefined ? this.#committed.identity(key) : (written ?? undefined);
  }

  /** A transaction kept beyond its work would write into somebody else's. */
  #open(): Changes {
    if (this.#ended) throw new Error("A transaction was used after its work had ended");
    return this.#work;
  }
}

/** A connection has one key for all of its works: one text for them is hashed once. */
const keyTexts = new WeakMap<IdentityKey, string>();

function knownText(key: IdentityKey): string {
  const known = keyTexts.get(key);
  if (known !== undefined) return known;
  const text = keyText(key);
  keyTexts.set(key, text);
  return text;
}

export function sumCounts(a: RegistryCounts, b: RegistryCounts): RegistryCounts {
  return {
    devices: a.devices + b.devices,
    disabledDevices: a.disabledDevices + b.disabledDevices,
    modules: a.modules + b.modules,
  };
}

function read<V>(
  key: string,
  work: Written<V> | undefined,
  batch: Written<V> | undefined,
): V | null | undefined {
  const own = work?.get(key);
  return own === undefined ? batch?.get(key) : own;
}

function overwrite<V>(values: Map<string, V>, written: Written<V> | undefined): void {
  for (const [key, value] of written ?? []) {
    if (value === null) values.delete(key);
    else values.set(key, value);
  }
}
