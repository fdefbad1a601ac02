import type { LogPosition, Session } from "../../app/ports.ts";
import type { HubEvent } from "../../domain/events/hub-event.ts";
import { type Identity, isModule, type Presence } from "../../domain/identity/identity.ts";
import { parseKeyText } from "../../domain/identity/key.ts";
import type { Policy } from "../../domain/identity/policy.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { EventMessage } from "../../domain/messages/telemetry.ts";
import type { Milliseconds } from "../../domain/time.ts";
import type { Report } from "../../domain/twin/apply-reported.ts";
import type { Twin } from "../../domain/twin/twin.ts";
import { QueueChanges } from "./queues.ts";

/** Records by `keyText` or name; `null` stands for a deletion. */
export type Written<V> = Map<string, V | null>;

/** A message with its place and what a search by time or by size needs. */
export interface LogRow extends LogPosition {
  readonly message: EventMessage;
  /** The latest `enqueuedTime` up to here: never falls, so that a time can be found by halving. */
  readonly enqueued: Milliseconds;
  /** Bytes of bodies ever appended to the partition, this one included. */
  readonly total: number;
}

/** The newest messages of a partition that are to go; `enqueued` and `total` of the last one among them. */
export interface LogTrim {
  readonly upTo: number;
  readonly enqueued: Milliseconds;
  readonly total: number;
}

/** What one work, or a batch of them, wants written. Nothing in here is stored yet. */
export class Changes {
  readonly identities: Written<Identity> = new Map();
  readonly twins: Written<Twin> = new Map();
  /** Of those twins to which nothing but reports has happened: all of them, in order. */
  readonly reports = new Map<string, Report[]>();
  readonly presence: Written<Presence> = new Map();
  readonly sessions: Written<Session> = new Map();
  readonly policies: Written<Policy> = new Map();
  /** By collection, then by id. */
  readonly documents = new Map<string, Written<JsonObject>>();
  /** Which modules of a device are among `identities`, so that listing them does not walk the whole batch. */
  readonly touchedModules = new Map<string, Set<string>>();
  readonly queues = new QueueChanges();
  readonly events: HubEvent[] = [];
  readonly appends: LogRow[] = [];
  /** Outbox events up to here are to go. */
  trimEventsTo = 0;
  readonly logTrims = new Map<number, LogTrim>();
  /** How many writes were asked for that need a commit. */
  writes = 0;
  /** How many writes were asked for for which the next commit is early enough. */
  relaxed = 0;
  devices = 0;
  disabledDevices = 0;
  modules = 0;
  readonly #maps: readonly Map<unknown, unknown>[] = [
    this.identities,
    this.twins,
    this.reports,
    this.presence,
    this.sessions,
    this.policies,
    this.documents,
    this.touchedModules,
    this.logTrims,
  ];

  writeIdentity(key: string, identity: Identity | null, previous: Identity | undefined): void {
    this.writes++;
    this.identities.set(key, identity);
    this.#count(previous, -1);
    this.#count(identity ?? undefined, 1);
    const { deviceId, moduleId } = parseKeyText(key);
    if (moduleId === undefined) return;
    const touched = this.touchedModules.get(deviceId);
    if (touched === undefined) this.touchedModules.set(deviceId, new Set([key]));
    else touched.add(key);
  }

  writeTwin(key: string, twin: Twin | null): void {
    this.write(this.twins, key, twin);
    this.reports.delete(key);
  }

  writeReport(key: string, twin: Twin, report: Report): void {
    this.#addReports(key, [report]);
    this.write(this.twins, key, twin);
  }

  writeDocument(collection: string, id: string, value: JsonObject | null): void {
    this.writes++;
    const written = this.documents.get(collection);
    if (written === undefined) this.documents.set(collection, new Map([[id, value]]));
    else written.set(id, value);
  }

  write<V>(table: Written<V>, key: string, value: V | null): void {
    this.writes++;
    table.set(key, value);
  }

  /** Adds what a finished work wrote; the later write wins. */
  merge(work: Changes): void {
    if (work.writes + work.relaxed === 0) return;
    this.writes += work.writes;
    this.relaxed += work.relaxed;
    this.devices += work.devices;
    this.disabledDevices += work.disabledDevices;
    this.modules += work.modules;
    copy(work.identities, this.identities);
    this.#mergeTwins(work);
    copy(work.presence, this.presence);
    copy(work.sessions, this.sessions);
    copy(work.policies, this.policies);
    for (const [collection, written] of work.documents) {
      const mine = this.documents.get(collection);
      if (mine === undefined) this.documents.set(collection, written);
      else copy(written, mine);
    }
    for (const [deviceId, keys] of work.touchedModules) {
      const mine = this.touchedModules.get(deviceId);
      if (mine === undefined) this.touchedModules.set(deviceId, keys);
      else for (const key of keys) mine.add(key);
    }
    this.queues.merge(work.queues);
    for (const event of work.events) this.events.push(event);
  }

  /** Forgets everything, for the next work: ten maps for each would keep the garbage collector busy. */
  clear(): void {
    for (const map of this.#maps) if (map.size > 0) map.clear();
    this.queues.clear();
    this.events.length = 0;
    this.appends.length = 0;
    this.trimEventsTo = 0;
    this.writes = 0;
    this.relaxed = 0;
    this.devices = 0;
    this.disabledDevices = 0;
    this.modules = 0;
  }

  #mergeTwins({ twins, reports }: Changes): void {
    for (const [key, twin] of twins) {
      const added = reports.get(key);
      if (added === undefined) this.reports.delete(key);
      else this.#addReports(key, added);
      this.twins.set(key, twin);
    }
  }

  /** To be called before the twin is set. */
  #addReports(key: string, added: Report[]): void {
    if (this.twins.has(key)) this.reports.get(key)?.push(...added);
    else this.reports.set(key, added);
  }

  #count(identity: Identity | undefined, by: 1 | -1): void {
    if (identity === undefined) return;
    if (isModule(identity)) {
      this.modules += by;
      return;
    }
    this.devices += by;
    if (identity.status === "disabled") this.disabledDevices += by;
  }
}

function copy<V>(from: Written<V>, to: Written<V>): void {
  for (const [key, value] of from) to.set(key, value);
}
