import type { IdentityKey } from "../../domain/identity/key.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { Query } from "../../domain/query/ast.ts";
import { serviceView } from "../../domain/twin/view.ts";
import { currentPresence } from "../connections/current-presence.ts";
import type { HubContext } from "../context.ts";
import { c2dQueueName } from "../messages/device-queue.ts";
import type { HubTx, TwinRow } from "../ports.ts";

/** A row as conditions and projections read it, with its place in the order of keys. */
export interface QueryRow {
  readonly row: JsonObject;
  /** The row of a module's device; only if the query asks for it. */
  readonly device: JsonObject | undefined;
  readonly key: readonly string[];
}

/** Rows of one step, at most; bounds how long turning them into views and looking at them holds up the event loop. */
const maxStep = 128;
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
  const step = Math.min(maxStep, Math.ceil(lengthShare / query.text.length));
  const limit = Math.min(step, Math.max(wanted, 10));
  let next: IdentityKey | null = keyOf(after);
  do {
    check();
    const page = await context.store.scanTwins({
      source: query.source,
      where: query.where,
      after: next,
      limit,
    });
    if (page.rows.length > 0) yield* await views(context, query, page.rows);
    next = page.next;
  } while (next !== null);
}

function views(
  context: HubContext,
  query: Query,
  rows: readonly TwinRow[],
): Promise<readonly QueryRow[]> {
  return context.store.transaction(null, (tx) =>
    rows.map((found) => {
      const { deviceId, moduleId } = found.identity;
      return {
        row: view(context, tx, found),
        device: query.usesDevice ? deviceView(context, tx, found) : undefined,
        key: moduleId === undefined ? [deviceId] : [deviceId, moduleId],
      };
    }),
  );
}

function view(
  context: HubContext,
  tx: HubTx,
  { identity, device, twin, presence }: TwinRow,
): JsonObject {
  const queued =
    identity.moduleId === undefined ? tx.queueLength(c2dQueueName(identity.deviceId)) : 0;
  const live = context.live.get(identity);
  const current =
    presence !== undefined &&
    live !== undefined &&
    live.lastActivityTime > presence.lastActivityTime
      ? { ...presence, lastActivityTime: live.lastActivityTime }
      : presence;
  return serviceView({ identity, device, twin, presence: current, queued });
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
