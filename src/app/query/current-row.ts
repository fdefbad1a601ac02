import { type IdentityKey, isId } from "../../domain/identity/key.ts";
import type { JsonObject } from "../../domain/json.ts";
import { serviceView } from "../../domain/twin/view.ts";
import { currentPresence } from "../connections/current-presence.ts";
import type { HubContext } from "../context.ts";
import { c2dQueueName } from "../messages/device-queue.ts";
import type { HubTx } from "../ports.ts";

/** One identity's row as it is now, with its device's row if it is a module; null if there is no such identity. */
export function currentRow(
  context: HubContext,
  key: IdentityKey,
): Promise<{ readonly row: JsonObject; readonly device: JsonObject | undefined } | null> {
  if (!isId(key.deviceId)) return Promise.resolve(null);
  return context.store.transaction(key, (tx) => {
    const row = rowOf(context, tx, key);
    if (row === null) return null;
    const device =
      key.moduleId === undefined ? undefined : rowOf(context, tx, { deviceId: key.deviceId });
    return { row, device: device ?? undefined };
  });
}

/** The row of a device or module inside a transaction. */
export function rowOf(context: HubContext, tx: HubTx, key: IdentityKey): JsonObject | null {
  const identity = tx.identity(key);
  const device = tx.identity({ deviceId: key.deviceId });
  const twin = tx.twin(key);
  if (
    identity === undefined ||
    device === undefined ||
    device.moduleId !== undefined ||
    twin === undefined
  ) {
    return null;
  }
  const queued = key.moduleId === undefined ? tx.queueLength(c2dQueueName(key.deviceId)) : 0;
  return serviceView({
    identity,
    device,
    twin,
    presence: currentPresence(context, tx, key),
    queued,
  });
}
