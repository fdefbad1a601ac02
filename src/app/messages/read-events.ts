import { argumentInvalid } from "../../domain/errors.ts";
import type { Milliseconds } from "../../domain/time.ts";
import type { HubContext } from "../context.ts";
import type { LoggedMessage, PartitionInfo } from "../ports.ts";
import { type Principal, demand } from "../principal.ts";

/** Messages that one read gives at the most. */
const maxRead = 1000;

/** Where each partition of the event log begins and ends. */
export async function eventPartitions(
  context: HubContext,
  principal: Principal,
): Promise<readonly PartitionInfo[]> {
  demand(principal, "ServiceConnect");
  const { eventLog } = context.store;
  return Promise.all(
    Array.from({ length: eventLog.partitions }, (_, partition) => eventLog.info(partition)),
  );
}

/** Messages of a partition from the sequence number `from` on, oldest first. */
export async function readEvents(
  context: HubContext,
  principal: Principal,
  partition: number,
  from: number,
  limit: number,
): Promise<readonly LoggedMessage[]> {
  demand(principal, "ServiceConnect");
  checkPartition(context, partition);
  return context.store.eventLog.read(partition, from, Math.min(limit, maxRead));
}

/** The sequence number of the first message enqueued at `time` or later. */
export async function seekEvents(
  context: HubContext,
  principal: Principal,
  partition: number,
  time: Milliseconds,
): Promise<number> {
  demand(principal, "ServiceConnect");
  checkPartition(context, partition);
  return context.store.eventLog.seek(partition, time);
}

function checkPartition(context: HubContext, partition: number): void {
  const { partitions } = context.store.eventLog;
  if (Number.isInteger(partition) && partition >= 0 && partition < partitions) return;
  throw argumentInvalid(`The hub has the partitions 0 to ${partitions - 1}, not ${partition}`);
}
