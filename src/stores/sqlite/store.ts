import { chmodSync } from "node:fs";
import type { Meter } from "../../app/meter.ts";
import type { Clock, HubStore, Log } from "../../app/ports.ts";
import { HubError } from "../../domain/errors.ts";
import type { Backend } from "../shared/backend.ts";
import { CommittingStore } from "../shared/committing-store.ts";
import type { CommitLimits } from "../shared/group-commit.ts";
import { RecordCache } from "./cache.ts";
import { Checkpointer } from "./checkpointer.ts";
import { claimDirectory, openError } from "./data-directory.ts";
import { type Driver, type DriverModule, lockTimeout, sqliteFailure } from "./driver.ts";
import { explainCommit } from "./explain.ts";
import { findDriver } from "./find-driver.ts";
import { JournalFlusher } from "./journal-flusher.ts";
import { migrate, readMigrations } from "./migrate.ts";
import { readFailures, readingDriver } from "./reading-driver.ts";
import { SqliteRecords } from "./records.ts";
import { replayJournal } from "./replay-journal.ts";
import { QueryThread } from "./query-thread.ts";
import { TwinScans } from "./scan.ts";
import { TwinIndexes } from "./twin-indexes.ts";
import { defaultJournalLimits, type JournalLimits, TwinJournal } from "./twin-journal.ts";
import { readState } from "./stored-state.ts";
import { readWalTail } from "./wal-tail.ts";
import { SqliteWriter } from "./writer.ts";

export { StoreOpenError, type StoreOpenReason } from "./open-error.ts";

/** Bytes of parsed identities and twins that are kept in memory, estimated. A miss costs little more than a hit. */
const defaultCacheBytes = 64 * 1024 * 1024;

export interface SqliteStoreOptions {
  /** Created if missing, with its parents. */
  readonly directory: string;
  readonly clock: Clock;
  /** Partitions of the event log. */
  readonly partitions: number;
  /** `disk`: an acknowledged write survives a power cut. `os`: it survives the end of the process. */
  readonly durability: "disk" | "os";
  readonly log: Log;
  readonly meter?: Meter | undefined;
  /** Default 64 MiB. */
  readonly cacheBytes?: number | undefined;
  readonly limits?: CommitLimits | undefined;
  /** Bytes of the write-ahead log at which it begins anew; default 8 MiB. */
  readonly walBytes?: number | undefined;
  /** How far the table of twins may be behind. */
  readonly journal?: JournalLimits | undefined;
  /** The binding to SQLite; default `node:sqlite`, else libsql. */
  readonly sqlite?: DriverModule | undefined;
}

/**
 * Opens a data directory, creating or migrating it. Presence is reset: the connections ended with the last
 * process. Rejects with StoreOpenError, whose message is one line for the operator.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<HubStore> {
  const { directory, clock } = options;
  const sqlite = options.sqlite ?? findDriver();
  const claim = claimDirectory(directory, sqlite, new Date(clock.now()));
  let driver: Driver | undefined;
  try {
    tellWalTail(claim.file, options.log);
    driver = sqlite.open(claim.file);
    return openStore(options, sqlite, driver, claim.file, claim.release);
  } catch (error) {
    driver?.close();
    claim.release();
    throw openError(directory, error);
  }
}

function openStore(
  options: SqliteStoreOptions,
  sqlite: DriverModule,
  driver: Driver,
  file: string,
  release: () => void,
): HubStore {
  const { directory, partitions, clock, log, limits } = options;
  const synchronous = options.durability === "disk" ? "FULL" : "NORMAL";
  configure(driver, synchronous);
  migrate(driver, readMigrations(), directory, clock.now());
  chmodSync(file, 0o600);
  replayJournal(driver, directory);
  driver
    .prepare("UPDATE presence SET connected = 0, state_updated_time = ? WHERE connected = 1")
    .run([clock.now()]);
  const state = readState(driver);
  const cache = new RecordCache(options.cacheBytes ?? defaultCacheBytes);
  const journalLimits = options.journal ?? defaultJournalLimits;
  const journal = new TwinJournal(driver, journalLimits);
  const records = new SqliteRecords(readingDriver(driver, directory, log), cache, journal);
  const writer = new SqliteWriter(driver, cache, records, journal);
  const checkpointer = new Checkpointer(driver, {
    sqlite,
    file,
    synchronous,
    log,
    finishBytes: options.walBytes,
  });
  const flushed = (): void => checkpointer.committed();
  const { quiet } = journalLimits;
  const flusher = new JournalFlusher(journal, { directory, log, flushed, quiet });
  const queries = new QueryThread({ sqlite, file, log });
  const indexes = new TwinIndexes(driver, { sqlite, file, synchronous });
  const scans = new TwinScans(queries, (path) => indexes.isIndexed(path));
  const queryFailure = readFailures(directory, log);
  /** The thread reads the table, which may be behind. */
  const query = async <T>(read: () => Promise<T>): Promise<T> => {
    flusher.flush();
    try {
      return await read();
    } catch (error) {
      throw queryFailure(error);
    }
  };
  const backend: Backend = {
    records,
    listTwins(of, after, limit) {
      flusher.flush();
      return records.listTwins(of, after, limit);
    },
    scanTwins: (scan) => query(() => scans.page(scan)),
    scanTwinTexts: (scan) => query(() => scans.texts(scan)),
    groupTwins: (grouping) => query(() => scans.group(grouping)),
    explainScan: (scan) => query(() => scans.explain(scan)),
    async ensureIndexes(paths) {
      // No transaction runs meanwhile, so that the journal stays empty: nobody waits for the thread's lock.
      flusher.flush();
      try {
        await indexes.ensure(paths);
      } catch (error) {
        log.error({ err: error }, "An index of twins could not be made or dropped");
        throw new HubError("ServiceUnavailable", explainCommit(directory, error));
      }
      checkpointer.committed();
      return true;
    },
    commit(changes, firstSequence, lastQueueNumber) {
      writer.commit(changes, firstSequence, lastQueueNumber);
      flusher.committed();
      checkpointer.committed();
    },
    explain: (error) => explainCommit(directory, error),
    blames: (error) => sqliteFailure(error) === "other",
    async close() {
      await queries.close();
      flusher.close();
      await checkpointer.close();
      try {
        driver.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      } catch (error) {
        log.warn({ err: error }, "The last checkpoint failed, the next start repeats it");
      }
      driver.close();
      release();
    },
  };
  const { meter } = options;
  return new CommittingStore({ backend, state, partitions, clock, limits, log, meter });
}

/** What a commit left behind that did not end is no loss; it looks the same as damage to what was acknowledged. */
function tellWalTail(file: string, log: Log): void {
  const tail = readWalTail(file);
  if (tail === null || tail.leftOut === 0) return;
  log.warn(
    { file: `${file}-wal`, ...tail },
    "The write-ahead log ends with frames that belong to no whole commit: they are left out",
  );
}

function configure(driver: Driver, synchronous: "FULL" | "NORMAL"): void {
  driver.exec(`PRAGMA busy_timeout = ${lockTimeout}`);
  driver.exec("PRAGMA journal_mode = WAL");
  driver.exec(`PRAGMA synchronous = ${synchronous}`);
  driver.exec("PRAGMA wal_autocheckpoint = 0");
  driver.exec("PRAGMA cache_size = -65536");
}
