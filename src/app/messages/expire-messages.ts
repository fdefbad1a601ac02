import type { Milliseconds } from "../../domain/time.ts";
import type { HubContext } from "../context.ts";
import { c2dPrefix, liveMessages } from "./device-queue.ts";

/**
 * Takes a device's dead messages out, with their feedback, and tells its connection if the lock of one has run out.
 * Resolves with the time at which the next one dies or comes free.
 */
export async function expireMessages(
  context: HubContext,
  deviceId: string,
): Promise<Milliseconds | null> {
  const { next, freed } = await context.store.transaction({ deviceId }, (tx) => {
    const times: Milliseconds[] = [];
    let lapsed = false;
    for (const { message } of liveMessages(tx, deviceId)) {
      times.push(message.expiryTime);
      const until = message.lock?.until ?? null;
      if (until === null) continue;
      if (until <= tx.now) lapsed = true;
      else times.push(until);
    }
    return { next: times.length === 0 ? null : Math.min(...times), freed: lapsed };
  });
  if (freed) context.live.get({ deviceId })?.link.messagesWaiting();
  return next;
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
