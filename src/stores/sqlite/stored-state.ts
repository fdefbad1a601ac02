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
    counts: {
      devices: number("SELECT count(*) AS n FROM identities WHERE module_id = ''"),
      disabledDevices: number(
        "SELECT count(*) AS n FROM identities WHERE module_id = '' AND doc ->> 'status' = 'disabled'",
      ),
      modules: number("SELECT count(*) AS n FROM identities WHERE module_id > ''"),
    },
    tails: readTails(driver),
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
