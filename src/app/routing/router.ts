import { type IdentityKey, keyText } from "../../domain/identity/key.ts";
import { maxTelemetrySize, messageSize } from "../../domain/messages/size.ts";
import type { EventMessage } from "../../domain/messages/telemetry.ts";
import { enrich } from "../../domain/routing/enrich.ts";
import { hubMessage } from "../../domain/routing/hub-messages.ts";
import { MessageView } from "../../domain/routing/message-view.ts";
import { sourceOf } from "../../domain/routing/route.ts";
import {
  type Routing,
  compileRouting,
  defaultRoutingSettings,
  endpointsFor,
  routesHubEvents,
} from "../../domain/routing/routing.ts";
import type { Twin } from "../../domain/twin/twin.ts";
import type { Meter } from "../meter.ts";
import { partitionOf } from "../messages/partition-of.ts";
import type { Clock, CommittedEvent, HubStore, HubTx, Log, Random, WebhookPost } from "../ports.ts";
import { EndpointLogs } from "./endpoint-logs.ts";
import { HubEventRouter } from "./hub-event-router.ts";
import {
  type StoredEndpoint,
  endpointCollection,
  readSettings,
  writePosition,
} from "./stored-settings.ts";
import {
  addMessage,
  deadLetterPrefix,
  makeRoom,
  maxQueuedMessages,
  queuePrefix,
  removeSome,
} from "./webhook-queue.ts";
import { type EndpointHealth, WebhookWorker } from "./webhook-worker.ts";

/** Messages of deleted endpoints that one commit removes. */
const maxRemoved = 500;
/** Queue names that are read at a time. */
const maxNames = 100;

export interface RouterParts {
  readonly store: HubStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  readonly hubName: string;
  /** Missing: the hub has no way to send to webhooks. */
  readonly post?: WebhookPost | undefined;
}

/** What one message becomes at its endpoints. */
interface Copy {
  readonly endpoint: string;
  readonly message: EventMessage;
}

/** Brings messages to the endpoints that routes send them to. Its settings are compiled once and read again on change. */
export class Router {
  readonly #parts: RouterParts;
  readonly #events: HubEventRouter;
  readonly #workers = new Map<string, WebhookWorker>();
  /** The event logs among the endpoints. */
  readonly logs: EndpointLogs;
  #routing: Routing = compileRouting(defaultRoutingSettings);
  #stopped = false;

  constructor(parts: RouterParts) {
    this.#parts = parts;
    this.logs = new EndpointLogs(parts);
    this.#events = new HubEventRouter({
      ...parts,
      route: (events, upTo, save) => this.#routeEvents(events, upTo, save),
    });
  }

  /** Telemetry may go to the event log without a look at it. */
  get isStraight(): boolean {
    return this.#routing.isStraight;
  }

  get routing(): Routing {
    return this.#routing;
  }

  /** The event up to which the outbox has been routed; `null` if no route takes events of the hub. */
  get position(): number | null {
    return this.#events.position;
  }

  get canPost(): boolean {
    return this.#parts.post !== undefined;
  }

  /** About how many messages wait for webhooks. */
  get waiting(): number {
    let waiting = 0;
    for (const { depth } of this.#workers.values()) waiting += depth;
    return waiting;
  }

  health(endpoint: string): EndpointHealth | undefined {
    return this.#workers.get(endpoint)?.health;
  }

  /** Reads the settings from the store; resolves when they are in force. */
  async reload(): Promise<void> {
    const { store, log } = this.#parts;
    const newest = await store.lastEvent();
    const settings = await store.transaction(null, readSettings);
    if (this.#stopped) return;
    this.#routing = compileRouting(settings);
    for (const { route, errors } of this.#routing.broken)
      log.error({ route: route.name, errors }, "a stored route does not compile and is left out");
    this.#updateWorkers(settings.endpoints);
    this.logs.update(settings.endpoints);
    if (routesHubEvents(settings)) this.#events.start(settings.position ?? newest);
    else this.#events.pause();
  }

  /** Messages have been put into the queue of an endpoint. */
  queued(endpoint: string, count: number): void {
    const worker = this.#workers.get(endpoint);
    if (worker === undefined) return;
    worker.depth += count;
    worker.wake();
  }

  /** Drops what deleted endpoints left behind, and what logs keep no longer. */
  async sweep(): Promise<void> {
    const { store } = this.#parts;
    await this.logs.sweep();
    for (const prefix of [queuePrefix, deadLetterPrefix]) {
      const names = await store.queueNames(prefix, null, maxNames);
      for (const name of names) await this.removeQueues(name.slice(prefix.length));
    }
  }

  /** Removes the queues of an endpoint that is gone; leaves those of one that is there. */
  async removeQueues(queue: string): Promise<void> {
    const { store } = this.#parts;
    for (;;) {
      const removed = await store.transaction(null, (tx) => {
        const isUsed = endpointCollection.all(tx).some((endpoint) => endpoint.queue === queue);
        return isUsed ? 0 : removeSome(tx, queue, maxRemoved);
      });
      if (removed < maxRemoved) return;
    }
  }

  /** There may be committed events to route. */
  eventsCommitted(): void {
    this.#events.wake();
  }

  /** Sends a device's or module's message to its endpoints; resolves when it is durable at all of them. */
  async telemetry(message: EventMessage): Promise<void> {
    const routing = this.#routing;
    const twins = await this.#twins(routing, [message]);
    const copies = this.#copies(routing, message, twins);
    await Promise.all([this.#append(copies), this.#enqueue(copies)]);
  }

  stop(): void {
    this.#stopped = true;
    this.#events.stop();
    for (const worker of this.#workers.values()) worker.stop();
  }

  #updateWorkers(endpoints: readonly StoredEndpoint[]): void {
    const { post } = this.#parts;
    const webhooks = endpoints.filter((endpoint) => endpoint.type === "webhook");
    const byName = new Map(webhooks.map((endpoint) => [endpoint.name, endpoint]));
    for (const [name, worker] of this.#workers) {
      if (byName.get(name)?.queue === worker.endpoint.queue) continue;
      worker.stop();
      this.#workers.delete(name);
    }
    if (post === undefined) return;
    for (const [name, endpoint] of byName) {
      const running = this.#workers.get(name);
      if (running !== undefined) running.update(endpoint);
      else {
        const worker = new WebhookWorker(endpoint, { ...this.#parts, post });
        this.#workers.set(name, worker);
        worker.wake();
      }
    }
  }

  async #routeEvents(
    events: readonly CommittedEvent[],
    upTo: number,
    save: boolean,
  ): Promise<boolean> {
    const { clock, hubName } = this.#parts;
    const routing = this.#routing;
    const messages = events.flatMap(({ event, sequence }) => {
      const message = hubMessage(event, sequence, hubName, clock.now());
      const wanted = message && routing.routes[sourceOf[message.source]].length > 0;
      return wanted ? [message] : [];
    });
    const twins = await this.#twins(routing, messages);
    const copies = messages.flatMap((message) => this.#copies(routing, message, twins));
    if (copies.length === 0 && !save) return false;
    // The position must never be durable before the messages are.
    await this.#append(copies);
    await this.#enqueue(copies, (tx) => writePosition(tx, upTo));
    return true;
  }

  /** The twins of those who sent the messages, if their routing asks for them; by the text of their keys. */
  async #twins(
    routing: Routing,
    messages: readonly EventMessage[],
  ): Promise<ReadonlyMap<string, Twin>> {
    const keys = new Map<string, IdentityKey>();
    for (const { key, source } of messages)
      if (routing.needsTwin.has(sourceOf[source])) keys.set(keyText(key), key);
    const twins = new Map<string, Twin>();
    if (keys.size === 0) return twins;
    const first = messages[0]?.key ?? null;
    await this.#parts.store.transaction(first, (tx) => {
      for (const [text, key] of keys) {
        const twin = tx.twin(key);
        if (twin !== undefined) twins.set(text, twin);
      }
    });
    return twins;
  }

  #copies(
    routing: Routing,
    message: EventMessage,
    twins: ReadonlyMap<string, Twin>,
  ): readonly Copy[] {
    const { hubName, log } = this.#parts;
    const view = new MessageView(message, twins.get(keyText(message.key)));
    return [...endpointsFor(routing, view)].flatMap((endpoint) => {
      const enriched = enrich(view, routing.stamps, endpoint, hubName);
      const { body, system, application } = enriched;
      const fits =
        enriched === message ||
        messageSize({ body, system, application: new Map(application) }) <= maxTelemetrySize;
      if (fits) return [{ endpoint, message: enriched }];
      const fields = { endpoint, ...message.key, limit: maxTelemetrySize };
      log.warn(fields, "a message was dropped: with its enrichments it is too large");
      return [];
    });
  }

  /** All of them in one turn, so that they share a commit. */
  async #append(copies: readonly Copy[]): Promise<void> {
    const appends = copies.flatMap(({ endpoint, message }) => {
      const log = this.logs.of(endpoint);
      if (log === undefined) return [];
      return [log.append(partitionOf(message.key.deviceId, log.partitions), message)];
    });
    await Promise.all(appends);
  }

  /** Puts messages into the queues of their endpoints, in one commit with what `also` writes. */
  async #enqueue(copies: readonly Copy[], also?: (tx: HubTx) => void): Promise<void> {
    const { store, log } = this.#parts;
    const queued = copies.flatMap(({ endpoint, message }) => {
      const worker = this.#workers.get(endpoint);
      return worker === undefined ? [] : [{ worker, message }];
    });
    if (queued.length === 0 && also === undefined) return;
    for (const { worker } of queued) worker.depth += 1;
    const dropped = await store.transaction(null, (tx) => {
      also?.(tx);
      return queued.filter(({ worker, message }) => addTo(tx, worker, message)).length;
    });
    if (dropped > 0) log.warn({ dropped }, "a queue is full: its oldest messages are dead letters");
    for (const { worker } of queued) worker.wake();
  }
}

/** True if the oldest message had to go. */
function addTo(tx: HubTx, { endpoint, depth }: WebhookWorker, message: EventMessage): boolean {
  const made = depth > maxQueuedMessages && makeRoom(tx, endpoint.queue);
  addMessage(tx, endpoint.queue, message);
  return made;
}
