import { maxLogPartitions } from "../../domain/routing/limits.ts";
import { builtInEndpoint } from "../../domain/routing/route.ts";
import type { Clock, EventLog, HubStore } from "../ports.ts";
import { type StoredEndpoint, type StoredLog, freePlace, leftPlaces } from "./stored-settings.ts";

/** In milliseconds. */
const hour = 3_600_000;

/** The event logs that routes send to: the hub's own, and those of endpoints of type `log`. */
export class EndpointLogs {
  readonly #store: HubStore;
  readonly #clock: Clock;
  #logs: ReadonlyMap<string, StoredLog> = new Map();

  constructor({ store, clock }: { readonly store: HubStore; readonly clock: Clock }) {
    this.#store = store;
    this.#clock = clock;
  }

  update(endpoints: readonly StoredEndpoint[]): void {
    const logs = endpoints.filter((endpoint) => endpoint.type === "log");
    this.#logs = new Map(logs.map((log) => [log.name, log]));
  }

  /** The log of an endpoint, by its name in any case. */
  find(name: string): StoredLog | undefined {
    const wanted = name.toLowerCase();
    return [...this.#logs.values()].find((log) => log.name.toLowerCase() === wanted);
  }

  /** Where messages to an endpoint are appended; undefined if it has no log. */
  of(endpoint: string): EventLog | undefined {
    if (endpoint === builtInEndpoint) return this.#store.eventLog;
    const log = this.#logs.get(endpoint);
    return log && this.#store.endpointLog(log.place, log.partitionCount);
  }

  /** Drops what deleted endpoints left behind, and what logs keep no longer. */
  async sweep(): Promise<void> {
    for (const place of await this.#store.transaction(null, leftPlaces)) await this.clear(place);
    for (const settings of this.#logs.values()) {
      const { place, partitionCount, retentionTimeInHours, maxPartitionBytes } = settings;
      const log = this.#store.endpointLog(place, partitionCount);
      await log.trim(this.#clock.now() - retentionTimeInHours * hour, maxPartitionBytes);
    }
  }

  /** Removes the messages at a place that an endpoint has left; then another may have it. */
  async clear(place: number): Promise<void> {
    await this.#store.endpointLog(place, maxLogPartitions).trim(Infinity, 0);
    await this.#store.transaction(null, (tx) => freePlace(tx, place));
  }
}
