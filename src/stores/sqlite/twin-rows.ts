import type { Twin } from "../../domain/twin/twin.ts";
import { columnsOf, type TwinColumns, twinColumns } from "./codec.ts";
import type { Driver, SqlValue, Statement } from "./driver.ts";

/** A row of `twins` that is to be written, or to go. */
export type TwinRow =
  | { readonly key: string; readonly twin: null }
  | { readonly key: string; readonly twin: Twin; readonly columns: TwinColumns };

export function rowOf(key: string, twin: Twin | null): TwinRow {
  return twin === null ? { key, twin } : { key, twin, columns: twinColumns(twin) };
}

/** Writes rows of `twins`, within the caller's transaction. */
export class TwinRows {
  readonly #putOne: Statement;
  readonly #putFour: Statement;
  readonly #delete: Statement;

  constructor(driver: Driver) {
    this.#putOne = driver.prepare(putTwins(twinRow));
    this.#putFour = driver.prepare(putTwins(`${twinRow}, ${twinRow}, ${twinRow}, ${twinRow}`));
    this.#delete = driver.prepare("DELETE FROM twins WHERE device_id = ? AND module_id = ?");
  }

  /** A call into SQLite costs as much as the row: four rows in one take two thirds of the time. */
  write(rows: readonly TwinRow[]): void {
    let values: SqlValue[] = [];
    for (const row of rows) {
      const [deviceId, moduleId] = columnsOf(row.key);
      if (row.twin === null) {
        this.#delete.run([deviceId, moduleId]);
        continue;
      }
      const { version, etagCounter, desired, reported } = row.twin;
      values.push(deviceId, moduleId, version, etagCounter, desired.version, reported.version);
      values.push(row.columns.metadata, row.columns.doc);
      if (values.length < 4 * twinValues) continue;
      this.#putFour.run(values);
      values = [];
    }
    for (let at = 0; at < values.length; at += twinValues) {
      this.#putOne.run(values.slice(at, at + twinValues));
    }
  }
}

/** What `twinOf` needs of a row of `twins t`. */
export const twinColumnList =
  "t.version, t.etag_counter, t.desired_version, t.reported_version, t.metadata, json(t.doc) AS doc";

/** One twin by its `columnsOf`. */
export const selectTwin = `SELECT ${twinColumnList} FROM twins t WHERE t.device_id = ? AND t.module_id = ?`;

/** Parameters of one twin's row. */
const twinValues = 8;
const twinRow = "(?, ?, ?, ?, ?, ?, ?, jsonb(?))";

function putTwins(rows: string): string {
  return `INSERT INTO twins (device_id, module_id, version, etag_counter, desired_version, reported_version, metadata, doc) VALUES ${rows} ON CONFLICT (device_id, module_id) DO UPDATE SET version = excluded.version, etag_counter = excluded.etag_counter, desired_version = excluded.desired_version, reported_version = excluded.reported_version, metadata = excluded.metadata, doc = excluded.doc`;
}
