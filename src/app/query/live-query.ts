import { createHash } from "node:crypto";
import { argumentInvalid } from "../../domain/errors.ts";
import { type IdentityKey, keyText } from "../../domain/identity/key.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { Query } from "../../domain/query/ast.ts";
import { compileCondition } from "../../domain/query/evaluate.ts";
import { parseQuery } from "../../domain/query/parse.ts";
import { type Project, compileProjection, needsAllRows } from "../../domain/query/project.ts";
import type { HubContext } from "../context.ts";
import { type Principal, demand } from "../principal.ts";
import { changedKey } from "./changes.ts";
import { currentRow } from "./current-row.ts";
import { type QueryRow, sourceRows } from "./source-rows.ts";

/** Rows that one live query may hold; more are refused. */
const maxRows = 10_000;

/** What becomes of a row: it matches now, still matches with other values, or does not match any more. */
export interface LiveChange {
  readonly kind: "enter" | "change" | "leave" | "ready";
  readonly deviceId?: string | undefined;
  readonly moduleId?: string | undefined;
  /** The projected row; absent for `leave` and `ready`. */
  readonly row?: JsonObject | undefined;
}

/**
 * A query as a subscription: first an `enter` for each row, then `ready`, then what changes. Each row is shown as it is
 * when it is looked at; changes that follow each other quickly may be shown as one.
 */
export class LiveQuery {
  readonly #context: HubContext;
  readonly #query: Query;
  readonly #passes: (row: JsonObject, device?: JsonObject) => boolean;
  readonly #project: Project;
  readonly #rows: AsyncIterator<QueryRow>;
  /** A digest of what was last shown of each matching row, to leave out changes that the projection does not show. */
  readonly #shown = new Map<string, string>();
  #scanning = true;
  #sequence: number;

  private constructor(context: HubContext, query: Query, sequence: number) {
    this.#context = context;
    this.#query = query;
    this.#sequence = sequence;
    this.#passes = query.where === null ? () => true : compileCondition(query.where);
    this.#project = compileProjection(query);
    this.#rows = sourceRows(context, query, [], 250)[Symbol.asyncIterator]();
  }

  /** Refuses with ArgumentInvalid what can't be watched: aggregates, ORDER BY, TOP, jobs. */
  static async open(context: HubContext, principal: Principal, text: string): Promise<LiveQuery> {
    demand(principal, "ServiceConnect");
    const query = parseQuery(text, { dialect: context.settings.queryDialect });
    if (
      needsAllRows(query) ||
      query.top !== null ||
      query.explain ||
      query.source === "devices.jobs"
    ) {
      throw argumentInvalid(
        "A live query selects from devices or devices.modules, without aggregates, ORDER BY or TOP",
      );
    }
    return new LiveQuery(context, query, await context.store.lastEvent());
  }

  /** The event up to which the answer is current. */
  get sequence(): number {
    return this.#sequence;
  }

  /** The next changes; null if there is nothing new. */
  async next(limit: number): Promise<readonly LiveChange[] | null> {
    return this.#scanning ? this.#scan(limit) : this.#follow(limit);
  }

  async #scan(limit: number): Promise<readonly LiveChange[]> {
    const found: LiveChange[] = [];
    while (found.length < limit) {
      const step = await this.#rows.next();
      if (step.done === true) {
        this.#scanning = false;
        found.push({ kind: "ready" });
        break;
      }
      const { row, device, key } = step.value;
      const [deviceId = "", moduleId] = key;
      const change = this.#look({ deviceId, moduleId }, row, device);
      if (change !== null) found.push(change);
    }
    return found;
  }

  async #follow(limit: number): Promise<readonly LiveChange[] | null> {
    const events = await this.#context.store.events(this.#sequence, limit);
    if (events.length === 0) return null;
    const keys = new Map<string, IdentityKey>();
    for (const committed of events) {
      const key = changedKey(committed);
      if (key === undefined) continue;
      for (const concerned of await this.#concerned(key)) keys.set(keyText(concerned), concerned);
    }
    const found: LiveChange[] = [];
    for (const key of keys.values()) {
      const current = await currentRow(this.#context, key);
      const change = this.#look(key, current?.row ?? null, current?.device);
      if (change !== null) found.push(change);
    }
    this.#sequence = events.at(-1)?.sequence ?? this.#sequence;
    return found;
  }

  /** The rows of this query that a change of `key` may change: a device's also show in its modules'. */
  async #concerned(key: IdentityKey): Promise<readonly IdentityKey[]> {
    if (this.#query.source === "devices") return key.moduleId === undefined ? [key] : [];
    if (key.moduleId !== undefined) return [key];
    return this.#context.store.transaction(key, (tx) =>
      tx.modulesOf(key.deviceId).map(({ deviceId, moduleId }) => ({ deviceId, moduleId })),
    );
  }

  #look(
    key: IdentityKey,
    row: JsonObject | null,
    device: JsonObject | undefined,
  ): LiveChange | null {
    const text = keyText(key);
    const before = this.#shown.get(text);
    if (row === null || !this.#passes(row, device)) {
      if (before === undefined) return null;
      this.#shown.delete(text);
      return { kind: "leave", ...key };
    }
    const projected = this.#project(row, device);
    const shown = createHash("sha256").update(JSON.stringify(projected)).digest("base64");
    if (before === shown) return null;
    if (before === undefined && this.#shown.size >= maxRows) {
      throw argumentInvalid(`A live query may hold ${maxRows} rows at most: narrow its condition`);
    }
    this.#shown.set(text, shown);
    return { kind: before === undefined ? "enter" : "change", ...key, row: projected };
  }
}
