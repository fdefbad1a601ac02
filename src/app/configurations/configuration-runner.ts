import type { ConfigurationKind } from "../../domain/configurations/configuration.ts";
import { HubError } from "../../domain/errors.ts";
import { type IdentityKey, keyText, parseKeyText } from "../../domain/identity/key.ts";
import type { Expression, Target } from "../../domain/query/ast.ts";
import type { Milliseconds } from "../../domain/time.ts";
import type { HubContext } from "../context.ts";
import { findTargets } from "../jobs/find-targets.ts";
import type { CommittedEvent } from "../ports.ts";
import {
  type ActiveConfigurations,
  compileConfigurations,
  noConfigurations,
} from "./active-configurations.ts";
import { countMetrics } from "./count-metrics.ts";
import { evaluateTwin, markTargeted } from "./evaluate-twin.ts";
import {
  allConfigurations,
  forgetRemoved,
  readStored,
  removedConfigurations,
} from "./stored-configurations.ts";

/** How often all targets and metrics are looked at (spec/semantics §13.2). */
const sweepEvery: Milliseconds = 300_000;
/** What failed is tried again after this. */
const retryAfter: Milliseconds = 5_000;
/** Twins that one transaction looks at. */
const batchSize = 50;
/** Changed twins that wait to be looked at; when there are more, everything is. */
const maxWaiting = 10_000;
/** Own writes whose events have not come yet. */
const maxOwnWrites = 10_000;

/** A configuration, or what is left of one. */
interface Swept {
  readonly id: string;
  readonly kind: ConfigurationKind;
}

/** Keeps twins as automatic configurations want them: after each change, and every five minutes (spec/semantics §13.2). */
export class ConfigurationRunner {
  readonly #context: HubContext;
  /** Texts of the keys of twins to look at. */
  readonly #waiting = new Set<string>();
  /** Configurations whose targets are to be looked at; as many as the hub has, and the removed ones. */
  readonly #sweeps = new Map<string, Swept>();
  /** The versions that the hub itself has written: their events are no news. */
  readonly #ownWrites = new Map<string, number>();
  #active: ActiveConfigurations = noConfigurations;
  #isBusy = false;
  #stopped = false;
  #cancelSweep = (): void => {};
  #cancelRetry: (() => void) | undefined;

  constructor(context: HubContext) {
    this.#context = context;
  }

  async start(): Promise<void> {
    await this.#reload();
    await this.#sweepAll();
  }

  /** A configuration was made, changed or removed: resolves when that is in force; its targets follow. */
  async changed(id: string, kind: ConfigurationKind): Promise<void> {
    await this.#reload();
    this.#sweepSoon(id, kind);
    this.#wake();
  }

  /** Events after their commit. Costs nothing while there is no configuration. */
  eventsCommitted(events: readonly CommittedEvent[]): void {
    if (this.#active.kinds.size === 0) return;
    for (const { event } of events) {
      switch (event.type) {
        case "twinChanged":
          if (!this.#isOwn(event.key, event.version)) this.#add(event.key);
          break;
        case "identityCreated":
        case "identityUpdated":
          this.#add(event.key);
          break;
        case "identityDeleted":
        case "connectionChanged":
        case "messageQueued":
        case "policyChanged":
        case "authoritiesChanged":
        case "jobChanged":
        case "routingChanged":
          break;
      }
    }
    this.#wake();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelSweep();
    this.#cancelRetry?.();
  }

  #isOwn(key: IdentityKey, version: number): boolean {
    const text = keyText(key);
    const own = this.#ownWrites.get(text);
    if (own === undefined) return false;
    if (own <= version) this.#ownWrites.delete(text);
    return own >= version;
  }

  #add(key: IdentityKey): void {
    if (this.#waiting.size < maxWaiting) this.#waiting.add(keyText(key));
    else for (const [id, kind] of this.#active.kinds) this.#sweepSoon(id, kind);
  }

  /** Under one id there may be a configuration of one kind, and the remains of one of another. */
  #sweepSoon(id: string, kind: ConfigurationKind): void {
    this.#sweeps.set(`${kind} ${id}`, { id, kind });
  }

  async #reload(): Promise<void> {
    const { store, settings } = this.#context;
    const stored = await store.transaction(null, allConfigurations);
    this.#active = compileConfigurations(stored, settings.queryDialect);
  }

  async #sweepAll(): Promise<void> {
    const { clock, store } = this.#context;
    const removed = await store.transaction(null, removedConfigurations);
    for (const { id, kind } of removed) this.#sweepSoon(id, kind);
    for (const [id, kind] of this.#active.kinds) this.#sweepSoon(id, kind);
    this.#wake();
    this.#cancelSweep = clock.after(sweepEvery, () => {
      this.#sweepAll().catch((error: unknown) => this.#failed(error));
    });
  }

  #wake(): void {
    if (this.#isBusy || this.#stopped || this.#cancelRetry !== undefined) return;
    this.#isBusy = true;
    this.#work()
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#isBusy = false;
        if (this.#waiting.size > 0 || this.#sweeps.size > 0) this.#wake();
      });
  }

  #failed(error: unknown): void {
    if (this.#stopped) return;
    const { log, clock } = this.#context;
    log.error({ err: error }, "configurations could not be applied; it is tried again");
    this.#cancelRetry = clock.after(retryAfter, () => {
      this.#cancelRetry = undefined;
      this.#wake();
    });
  }

  async #work(): Promise<void> {
    while (!this.#stopped) {
      if (this.#waiting.size > 0) await this.#evaluateWaiting();
      else {
        const [next] = this.#sweeps;
        if (next === undefined) return;
        const [name, swept] = next;
        // Deleted before it is done: a change meanwhile asks for it again.
        this.#sweeps.delete(name);
        try {
          await this.#sweep(swept);
        } catch (error) {
          this.#sweeps.set(name, swept);
          throw error;
        }
      }
    }
  }

  async #evaluateWaiting(): Promise<void> {
    const texts = [...this.#waiting].slice(0, batchSize);
    const keys = texts.map(parseKeyText);
    for (const text of texts) this.#waiting.delete(text);
    try {
      await this.#evaluate(keys);
    } catch (error) {
      for (const text of texts) this.#waiting.add(text);
      throw error;
    }
  }

  /** Every twin that the configuration addresses now, or that shows its status; then its metrics. */
  async #sweep(swept: Swept): Promise<void> {
    const { store } = this.#context;
    let keys: IdentityKey[] = [];
    for await (const key of findTargets(this.#context, this.#reach(swept), null)) {
      keys.push(key);
      if (keys.length < batchSize) continue;
      await this.#evaluate(keys);
      keys = [];
      if (this.#stopped) return;
      if (this.#waiting.size > 0) await this.#evaluateWaiting();
    }
    await this.#evaluate(keys);
    const stored = await store.transaction(null, (tx) => {
      forgetRemoved(tx, swept);
      return readStored(tx, swept.id);
    });
    if (stored !== undefined) await countMetrics(this.#context, stored);
  }

  #reach({ id, kind }: Swept): Target & { kind: "twins" } {
    const found = [...this.#active.device, ...this.#active.module, ...this.#active.edge].find(
      (active) => active.id === id,
    );
    const source = kind === "module" ? "devices.modules" : "devices";
    const target = found?.target;
    const shows = isShown(id);
    if (target?.kind !== "twins" || target.source !== source)
      return { kind: "twins", source, where: shows, usesDevice: false };
    const { where, usesDevice } = target;
    const either: Expression | null =
      where === null ? null : { kind: "or", operands: [where, shows] };
    return { kind: "twins", source, where: either, usesDevice };
  }

  async #evaluate(keys: readonly IdentityKey[]): Promise<void> {
    try {
      await this.#evaluateTogether(keys);
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      for (const key of keys) await this.#evaluateAlone(key);
    }
  }

  async #evaluateTogether(keys: readonly IdentityKey[]): Promise<void> {
    if (keys.length === 0) return;
    const active = this.#active;
    await this.#context.store.transaction(null, (tx) => {
      const written: (readonly [IdentityKey, number])[] = [];
      for (const key of keys) {
        evaluateTwin(this.#context, tx, key, active, (...one) => written.push(one));
        if (key.moduleId !== undefined || !active.moduleUsesDevice) continue;
        for (const { deviceId, moduleId } of tx.modulesOf(key.deviceId))
          this.#add({ deviceId, moduleId });
      }
      // Before the events come, which may be before the promise is seen to have resolved.
      for (const [key, version] of written) this.#wrote(key, version);
    });
  }

  /** What fails at one twin keeps no other from its settings. */
  async #evaluateAlone(key: IdentityKey): Promise<void> {
    try {
      await this.#evaluateTogether([key]);
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      const { log, store } = this.#context;
      log.warn({ key, reason: error.message }, "configurations could not be applied to a twin");
      await store.transaction(null, (tx) => markTargeted(this.#context, tx, key, this.#active));
    }
  }

  #wrote(key: IdentityKey, version: number): void {
    if (this.#ownWrites.size < maxOwnWrites) this.#ownWrites.set(keyText(key), version);
  }
}

/** The twin shows a status of the configuration. */
function isShown(id: string): Expression {
  return {
    kind: "call",
    function: "IS_DEFINED",
    arguments: [{ kind: "path", of: "row", segments: ["configurations", id] }],
  };
}
