import type { Milliseconds } from "../../domain/time.ts";
import type { HubContext } from "../context.ts";
import { c2dPrefix, liveMessages } from "./device-queue.ts";

/** Takes a device's dead messages out, with their feedback; tells when its next one dies. */
export function expireMessages(
  context: HubContext,
  deviceId: string,
): Promise<Milliseconds | null> {
  return context.store.transaction({ deviceId }, (tx) => {
    let next: Milliseconds | null = null;
    for (const { message } of liveMessages(tx, deviceId)) {
      if (next === null || message.expiryTime < next) next = message.expiryTime;
    }
    return next;
  });
}

/** Queues looked at in one step when the hub starts. */
const pageSize = 500;

/** Learns when the messages die that an earlier run has left. */
export async function watchExistingQueues(context: HubContext): Promise<void> {
  let after: string | null = null;
  for (;;) {
    const names: readonly string[] = await context.store.queueNames(c2dPrefix, after, pageSize);
    for (const name of names) {
      const deviceId = name.slice(c2dPrefix.length);
      const next = await expireMessages(context, deviceId);
      if (next !== null) context.expiry.watch(deviceId, next);
    }
    after = names.at(-1) ?? null;
    if (names.length < pageSize) return;
  }
}
