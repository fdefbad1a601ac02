import type { RegistryCounts } from "../../app/ports.ts";
import { never } from "../../domain/time.ts";
import type { LogTail, StoredState } from "../shared/backend.ts";
import { allPartitions } from "../shared/event-log.ts";
import type { Driver } from "./driver.ts";
import { EventRecords } from "./event-records.ts";
import { LogRecords } from "./log-records.ts";

/** Reads where the last process stopped. */
export function readState(driver: Driver): StoredState {
  const mark = driver.prepare("SELECT value FROM marks WHERE name = ?");
  const marked = (name: string) => Number(mark.get([name])?.["value"] ?? 0);
  const number = (sql: string) => Number(driver.prepare(sql).get([])?.["n"] ?? 0);
  const trimmedSequence = marked("outbox");
  return {
    trimmedSequence,
    lastSequence: Math.max(trimmedSequence, new EventRecords(driver).last()),
    lastQueueNumber: Math.max(marked("queues"), number("SELECT max(sequence) AS n FROM queues")),
    counts: readCounts(driver),
    tails: readTails(driver),
  };
}

/** Two statements, one of which reads no keys: with 100,000 modules each further pass takes 10 ms of the start. */
function readCounts(driver: Driver): RegistryCounts {
  const all = driver.prepare("SELECT count(*) AS n FROM identities").get([]);
  const own = driver
    .prepare(
      "SELECT count(*) AS n, count(*) FILTER (WHERE doc ->> 'status' = 'disabled') AS disabled FROM identities WHERE module_id = ''",
    )
    .get([]);
  const devices = Number(own?.["n"] ?? 0);
  return {
    devices,
    disabledDevices: Number(own?.["disabled"] ?? 0),
    modules: Number(all?.["n"] ?? 0) - devices,
  };
}

function readTails(driver: Driver): readonly LogTail[] {
  const log = new LogRecords(driver);
  const trim = driver.prepare(
    "SELECT sequence_number, enqueued, total FROM log_trims WHERE partition = ?",
  );
  return Array.from({ length: allPartitions }, (_, partition) => {
    const trimmed = trim.get([partition]);
    const last = log.last(partition);
    const dropped = Number(trimmed?.["total"] ?? 0);
    const droppedTo = Number(trimmed?.["sequence_number"] ?? 0);
    return {
      first: droppedTo + 1,
      last: last?.sequenceNumber ?? droppedTo,
      enqueued: last?.enqueued ?? Number(trimmed?.["enqueued"] ?? never),
      total: last?.total ?? dropped,
      dropped,
    };
  });
}
