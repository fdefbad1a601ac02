import type { Presence } from "../../domain/identity/identity.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { Query } from "../../domain/query/ast.ts";
import { serviceView, serviceViewText } from "../../domain/twin/view.ts";
import { currentPresence } from "../connections/current-presence.ts";
import type { HubContext } from "../context.ts";
import { c2dQueueName } from "../messages/device-queue.ts";
import type { HubTx, TwinPage, TwinRow, TwinTextPage, TwinTextRow } from "../ports.ts";

/** A row as conditions and projections read it, with its place in the order of keys. */
export interface QueryRow {
  readonly row: JsonObject;
  /** The row of a module's device; only if the query asks for it. */
  readonly device: JsonObject | undefined;
  readonly key: readonly string[];
}

/** Rows of one step, at most; bounds how long reading them holds up the event loop. */
const maxStep = 128;
/** Of these, views that are made in one turn. */
const maxViews = 32;
/** Divided by the length of a query, its rows of one step: what is long to say takes long to decide. */
const lengthShare = 64_000;

/**
 * The rows of a query's source after a position; at least those that match its condition. `check` is called between the
 * steps of a scan, which may find nothing for long: what it throws ends the scan.
 */
export async function* sourceRows(
  context: HubContext,
  query: Query,
  after: readonly string[],
  wanted: number,
  check: () => void = () => undefined,
): AsyncGenerator<QueryRow> {
  if (query.source === "devices.jobs") {
    for await (const row of context.jobRows(after)) {
      check();
      yield row;
    }
    return;
  }
  const { source, where } = query;
  const limit = stepOf(query, wanted);
  let next: IdentityKey | null = keyOf(after);
  do {
    check();
    const page: TwinPage = await context.store.scanTwins({ source, where, after: next, limit });
    for (let at = 0; at < page.rows.length; at += maxViews) {
      yield* await views(context, query, page.rows.slice(at, at + maxViews));
    }
    next = page.next;
  } while (next !== null);
}

/** A row that is answered as it is, as JSON text. */
export interface QueryText {
  readonly text: string;
  readonly key: readonly string[];
}

/** The rows that match a query of twins, as texts; the first step gives null if the store has none or can't decide. */
export async function* sourceTexts(
  context: HubContext,
  query: Query,
  after: readonly string[],
  wanted: number,
  check: () => void,
): AsyncGenerator<readonly QueryText[] | null> {
  const { source, where } = query;
  if (source === "devices.jobs") return yield null;
  const limit = stepOf(query, wanted);
  let next: IdentityKey | null = keyOf(after);
  do {
    check();
    const page: TwinTextPage | null = await context.store.scanTwinTexts({
      source,
      where,
      after: next,
      limit,
    });
    if (page === null) return yield null;
    yield await texts(context, query, page.rows);
    next = page.next;
  } while (next !== null);
}

function stepOf(query: Query, wanted: number): number {
  const step = Math.min(maxStep, Math.ceil(lengthShare / query.text.length));
  return Math.min(step, Math.max(wanted, 10));
}

/** Only devices have queues, which are asked in a transaction. */
async function texts(
  context: HubContext,
  { source }: Query,
  rows: readonly TwinTextRow[],
): Promise<readonly QueryText[]> {
  const textOf = (row: TwinTextRow, queued: number): QueryText => ({
    text: serviceViewText({ ...row, presence: currentOf(context, row), queued }),
    key: placeOf(row),
  });
  if (source === "devices.modules") return rows.map((row) => textOf(row, 0));
  return context.store.transaction(null, (tx) =>
    rows.map((row) => textOf(row, tx.queueLength(c2dQueueName(row.identity.deviceId)))),
  );
}

function views(
  context: HubContext,
  query: Query,
  rows: readonly TwinRow[],
): Promise<readonly QueryRow[]> {
  return context.store.transaction(null, (tx) =>
    rows.map((found) => ({
      row: view(context, tx, found),
      device: query.usesDevice ? deviceView(context, tx, found) : undefined,
      key: placeOf(found),
    })),
  );
}

function placeOf({ identity: { deviceId, moduleId } }: Pick<TwinRow, "identity">) {
  return moduleId === undefined ? [deviceId] : [deviceId, moduleId];
}

function view(context: HubContext, tx: HubTx, row: TwinRow): JsonObject {
  const { identity } = row;
  const queued =
    identity.moduleId === undefined ? tx.queueLength(c2dQueueName(identity.deviceId)) : 0;
  return serviceView({ ...row, presence: currentOf(context, row), queued });
}

/** A live connection knows better when it was last heard of. */
function currentOf(
  context: HubContext,
  { identity, presence }: Pick<TwinRow, "identity" | "presence">,
): Presence | undefined {
  const live = context.live.get(identity);
  return presence !== undefined &&
    live !== undefined &&
    live.lastActivityTime > presence.lastActivityTime
    ? { ...presence, lastActivityTime: live.lastActivityTime }
    : presence;
}

function deviceView(context: HubContext, tx: HubTx, { device }: TwinRow): JsonObject | undefined {
  const twin = tx.twin(device);
  if (twin === undefined) return undefined;
  const presence = currentPresence(context, tx, device);
  return serviceView({
    identity: device,
    device,
    twin,
    presence,
    queued: tx.queueLength(c2dQueueName(device.deviceId)),
  });
}

function keyOf(after: readonly string[]): IdentityKey | null {
  const [deviceId, moduleId] = after;
  if (deviceId === undefined) return null;
  return moduleId === undefined ? { deviceId } : { deviceId, moduleId };
}
