import { createHash } from "node:crypto";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { sqlJsonPath } from "../../domain/query/sql-operand.ts";
import type { Driver, DriverModule } from "./driver.ts";

const prefix = "twins_by_";

/** Plain text, so that it is the same from `src` and from `dist`; see Checkpointer. */
const workerText = `
const { parentPort, workerData } = require("node:worker_threads");
process.emitWarning = () => {};
const binding = require(workerData.resolved);
const Database = binding.DatabaseSync ?? binding;
const database = new Database(workerData.file);
database.exec("PRAGMA busy_timeout = 10000");
database.exec("PRAGMA wal_autocheckpoint = 0");
database.exec("PRAGMA synchronous = " + workerData.synchronous);
try {
  for (const sql of workerData.statements) database.exec(sql);
} finally {
  database.close();
}
`;

export interface TwinIndexSettings {
  readonly sqlite: DriverModule;
  readonly file: string;
  readonly synchronous: "FULL" | "NORMAL";
}

/**
 * Indexes on values inside twins. Two for each path, with the expressions that conditions compile to: its JSON text, for
 * `=` and IN, with the key behind it, so that equal values come in the order of keys; and its value, for ranges.
 */
export class TwinIndexes {
  readonly #driver: Driver;
  readonly #settings: TwinIndexSettings;
  #paths: ReadonlySet<string> = new Set();

  constructor(driver: Driver, settings: TwinIndexSettings) {
    this.#driver = driver;
    this.#settings = settings;
  }

  /** True for the path of an index that is there. */
  isIndexed(path: readonly string[]): boolean {
    return this.#paths.size > 0 && this.#paths.has(JSON.stringify(path));
  }

  /**
   * Makes indexes for exactly these paths, on another thread; nobody else may write meanwhile. Rejects with SQLite's
   * error, some of them made.
   */
  async ensure(paths: readonly (readonly string[])[]): Promise<void> {
    const wanted = new Map(paths.flatMap(indexesOf));
    const present = new Set(this.#present());
    const statements = [
      ...[...present].filter((name) => !wanted.has(name)).map((name) => `DROP INDEX ${name}`),
      ...[...wanted].filter(([name]) => !present.has(name)).map(([, sql]) => sql),
    ];
    this.#paths = new Set();
    if (statements.length > 0) await this.#execute(statements);
    this.#paths = new Set(paths.map((path) => JSON.stringify(path)));
  }

  #present(): readonly string[] {
    return this.#driver
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'index' AND name GLOB ?")
      .all([`${prefix}*`])
      .map((row) => String(row["name"]));
  }

  async #execute(statements: readonly string[]): Promise<void> {
    const { sqlite, file, synchronous } = this.#settings;
    const worker = new Worker(workerText, {
      eval: true,
      workerData: { resolved: sqlite.resolved, file, synchronous, statements },
    });
    await once(worker, "exit");
  }
}

function indexesOf(path: readonly string[]): readonly (readonly [name: string, sql: string])[] {
  const place = sqlJsonPath(path);
  if (place === undefined) return [];
  const hash = createHash("sha256").update(place).digest("hex").slice(0, 16);
  const create = (kind: string, expression: string): readonly [string, string] => {
    const name = `${prefix}${kind}_${hash}`;
    return [name, `CREATE INDEX ${name} ON twins (${expression}, device_id, module_id)`];
  };
  return [create("text", `(doc -> ${place})`), create("value", `json_extract(doc, ${place})`)];
}
