import { argumentInvalid } from "../../domain/errors.ts";
import type { Milliseconds } from "../../domain/time.ts";
import type { EventLog, LoggedMessage, PartitionInfo } from "../ports.ts";
import { type Principal, demand } from "../principal.ts";

/** Messages that one read gives at the most. */
const maxRead = 1000;

/** Where each partition of a log begins and ends. */
export async function eventPartitions(
  log: EventLog,
  principal: Principal,
): Promise<readonly PartitionInfo[]> {
  demand(principal, "ServiceConnect");
  return Promise.all(Array.from({ length: log.partitions }, (_, partition) => log.info(partition)));
}

/** Messages of a partition from the sequence number `from` on, oldest first. */
export async function readEvents(
  log: EventLog,
  principal: Principal,
  partition: number,
  from: number,
  limit: number,
): Promise<readonly LoggedMessage[]> {
  demand(principal, "ServiceConnect");
  checkPartition(log, partition);
  return log.read(partition, from, Math.min(limit, maxRead));
}

/** The sequence number of the first message enqueued at `time` or later. */
export async function seekEvents(
  log: EventLog,
  principal: Principal,
  partition: number,
  time: Milliseconds,
): Promise<number> {
  demand(principal, "ServiceConnect");
  checkPartition(log, partition);
  return log.seek(partition, time);
}

function checkPartition({ partitions }: EventLog, partition: number): void {
  if (Number.isInteger(partition) && partition >= 0 && partition < partitions) return;
  throw argumentInvalid(`The log has the partitions 0 to ${partitions - 1}, not ${partition}`);
}
