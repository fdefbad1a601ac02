import { createHmac } from "node:crypto";
import { messageDocument } from "../../domain/messages/message-document.ts";
import { type Milliseconds, timeText } from "../../domain/time.ts";
import type { Meter } from "../meter.ts";
import type { Clock, HubStore, Log, Random, WebhookPost } from "../ports.ts";
import type { StoredWebhook } from "./stored-settings.ts";
import {
  type WaitingMessage,
  countFailure,
  queuePrefix,
  removeMessages,
  waitingMessages,
} from "./webhook-queue.ts";

/** The wait after the first failure, doubled by each further one up to the longest, in milliseconds. */
const firstRetryDelay: Milliseconds = 1_000;
const longestRetryDelay: Milliseconds = 60_000;
/** Bodies of one request, in bytes; a single message may have more. */
const maxRequestBytes = 1_048_576;
/** Failures in a row after which an endpoint counts as unhealthy. */
const unhealthyAfter = 5;

export interface WebhookParts {
  readonly store: HubStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  readonly hubName: string;
  readonly post: WebhookPost;
}

/** How an endpoint is doing, since this node has started. */
export interface EndpointHealth {
  readonly healthStatus: "unknown" | "healthy" | "degraded" | "unhealthy";
  readonly lastKnownError: string | null;
  readonly lastKnownErrorTime: string | null;
  readonly lastSuccessfulSendAttemptTime: string | null;
  readonly lastSendAttemptTime: string | null;
}

/**
 * Sends an endpoint's messages in their order, one request at a time. After a failure it waits, longer each time, and
 * then sends the oldest message alone, so that one that is never accepted takes no others with it to the dead letters.
 */
export class WebhookWorker {
  #endpoint: StoredWebhook;
  readonly #parts: WebhookParts;
  /** About how many messages wait; the queue itself knows exactly. */
  depth = 0;
  #failures = 0;
  #busy = false;
  #again = false;
  #stopped = false;
  #cancelRetry: (() => void) | undefined;
  #abort: AbortController | undefined;
  #health: EndpointHealth = {
    healthStatus: "unknown",
    lastKnownError: null,
    lastKnownErrorTime: null,
    lastSuccessfulSendAttemptTime: null,
    lastSendAttemptTime: null,
  };

  constructor(endpoint: StoredWebhook, parts: WebhookParts) {
    this.#endpoint = endpoint;
    this.#parts = parts;
  }

  get endpoint(): StoredWebhook {
    return this.#endpoint;
  }

  get health(): EndpointHealth {
    return this.#health;
  }

  /** New settings hold from the next request on, which is made at once. */
  update(endpoint: StoredWebhook): void {
    if (endpoint.etagNumber === this.#endpoint.etagNumber) return;
    this.#endpoint = endpoint;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    this.wake();
  }

  /** There may be messages. */
  wake(): void {
    this.#again = true;
    if (this.#busy || this.#stopped || this.#cancelRetry !== undefined) return;
    this.#busy = true;
    this.#run()
      .catch((error: unknown) => this.#storeFailed(error))
      .finally(() => {
        this.#busy = false;
        if (this.#again) this.wake();
      });
  }

  /** Gives up a request that is under way: its messages stay in the queue. */
  stop(): void {
    this.#stopped = true;
    this.#cancelRetry?.();
    this.#abort?.abort();
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      const batch = await this.#take();
      if (batch.length === 0) return;
      const error = await this.#send(batch);
      if (this.#stopped) return;
      if (error === undefined) await this.#accepted(batch);
      else await this.#refused(batch, error);
    }
  }

  async #take(): Promise<readonly WaitingMessage[]> {
    const { queue, maxBatchSize } = this.#endpoint;
    const limit = this.#failures > 0 ? 1 : maxBatchSize;
    const waiting = await this.#parts.store.transaction(null, (tx) => {
      this.depth = tx.queueLength(queuePrefix + queue);
      return waitingMessages(tx, queue, limit);
    });
    let bytes = 0;
    return waiting.filter(({ message }, index) => {
      bytes += message.body.byteLength;
      return index === 0 || bytes <= maxRequestBytes;
    });
  }

  /** Why the request failed, or undefined. */
  async #send(batch: readonly WaitingMessage[]): Promise<string | undefined> {
    const { clock, post } = this.#parts;
    const { url, timeoutSeconds } = this.#endpoint;
    const abort = new AbortController();
    this.#abort = abort;
    let timedOut = false;
    const cancel = clock.after(timeoutSeconds * 1000, () => {
      timedOut = true;
      abort.abort();
    });
    const body = this.#body(batch);
    this.#health = { ...this.#health, lastSendAttemptTime: timeText(clock.now()) };
    try {
      const { status } = await post({
        url,
        headers: this.#headers(body),
        body,
        signal: abort.signal,
      });
      if (status >= 200 && status < 300) return undefined;
      if (status >= 300 && status < 400)
        return `The endpoint answered ${status}: redirects are not followed`;
      return `The endpoint answered ${status}`;
    } catch (error) {
      if (timedOut) return `The endpoint did not answer within ${timeoutSeconds} seconds`;
      return `The endpoint cannot be reached: ${error instanceof Error ? error.message : "unknown error"}`;
    } finally {
      cancel();
      this.#abort = undefined;
    }
  }

  /** `[{id, enqueuedTime, source, deviceId, …}, …]`; an id comes again if its message does. */
  #body(batch: readonly WaitingMessage[]): Uint8Array {
    const messages = batch.map(({ sequence, message }) => ({
      id: String(sequence),
      ...messageDocument(message),
    }));
    return Buffer.from(JSON.stringify(messages));
  }

  #headers(body: Uint8Array): Readonly<Record<string, string>> {
    const { name, secret } = this.#endpoint;
    const headers = {
      "content-type": "application/json; charset=utf-8",
      "user-agent": "twinhub",
      "x-twinhub-hub": this.#parts.hubName,
      "x-twinhub-endpoint": name,
    };
    if (secret === undefined) return headers;
    const signature = createHmac("sha256", secret).update(body).digest("hex");
    return { ...headers, "x-twinhub-signature": `sha256=${signature}` };
  }

  #count(outcome: "delivered" | "retried" | "dead", messages: number): void {
    this.#parts.meter.counter("twinhub_route_messages_total", { outcome }).add(messages);
  }

  async #accepted(batch: readonly WaitingMessage[]): Promise<void> {
    const { store, clock } = this.#parts;
    this.#count("delivered", batch.length);
    this.#failures = 0;
    this.#health = {
      ...this.#health,
      healthStatus: "healthy",
      lastSuccessfulSendAttemptTime: timeText(clock.now()),
    };
    const { queue } = this.#endpoint;
    const sequences = batch.map(({ sequence }) => sequence);
    await store.transaction(null, (tx) => removeMessages(tx, queue, sequences));
    this.#again = true;
  }

  async #refused(batch: readonly WaitingMessage[], error: string): Promise<void> {
    const { store, clock, log } = this.#parts;
    const { name, queue, maxDeliveryCount } = this.#endpoint;
    this.#failures += 1;
    this.#health = {
      ...this.#health,
      healthStatus: this.#failures >= unhealthyAfter ? "unhealthy" : "degraded",
      lastKnownError: error,
      lastKnownErrorTime: timeText(clock.now()),
    };
    const sequences = new Set(batch.map(({ sequence }) => sequence));
    const buried = await store.transaction(null, (tx) =>
      countFailure(tx, queue, sequences, maxDeliveryCount, error),
    );
    this.#count("retried", batch.length - buried);
    this.#count("dead", buried);
    if (buried > 0)
      log.warn({ endpoint: name, messages: buried, error }, "messages became dead letters");
    this.#retryLater();
  }

  #retryLater(): void {
    const { clock, random } = this.#parts;
    const doubled = firstRetryDelay * 2 ** Math.min(this.#failures - 1, 16);
    const delay = Math.min(longestRetryDelay, doubled);
    // Up to a tenth more, so that many endpoints of one server do not come at the same moment.
    this.#cancelRetry = clock.after(delay + random.integer(delay / 10), () => {
      this.#cancelRetry = undefined;
      this.wake();
    });
    this.#again = false;
  }

  #storeFailed(error: unknown): void {
    if (this.#stopped) return;
    const { log } = this.#parts;
    log.error({ err: error, endpoint: this.#endpoint.name }, "an endpoint's queue failed");
    this.#failures += 1;
    this.#retryLater();
  }
}
