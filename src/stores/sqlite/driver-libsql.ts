import { createRequire } from "node:module";
import {
  type Driver,
  type DriverModule,
  inTransaction,
  type Row,
  type SqlValue,
} from "./driver.ts";

/** The part of libsql's synchronous interface that is used. */
interface LibsqlStatement {
  run(parameters: readonly SqlValue[]): unknown;
  get(parameters: readonly SqlValue[]): Row | undefined;
  all(parameters: readonly SqlValue[]): Record<string, SqlValue | ArrayBuffer>[];
}

interface LibsqlDatabase {
  exec(sql: string): void;
  prepare(sql: string): LibsqlStatement;
  close(): void;
}

type Libsql = new (file: string) => LibsqlDatabase;

/** The optional package libsql, or undefined if it is not installed or has no binary for this platform. */
export function openLibsql(): DriverModule | undefined {
  try {
    const require = createRequire(import.meta.url);
    const Database = require("libsql") as Libsql;
    return {
      name: "libsql",
      resolved: require.resolve("libsql"),
      open: (file) => wrap(new Database(file)),
    };
  } catch {
    return undefined;
  }
}

function wrap(database: LibsqlDatabase): Driver {
  const exec = (sql: string) => database.exec(sql);
  return {
    exec,
    prepare(sql) {
      // One native statement each: libsql 0.5 answers the first `get` after an `all` with the row of the `all`.
      let one: LibsqlStatement | undefined;
      let many: LibsqlStatement | undefined;
      return {
        run: (parameters) => void (one ??= database.prepare(sql)).run(parameters),
        get: (parameters) => (one ??= database.prepare(sql)).get(parameters),
        all: (parameters) => (many ??= database.prepare(sql)).all(parameters).map(withBytes),
      };
    },
    transaction: (work) => inTransaction(exec, work),
    close: () => database.close(),
  };
}

/** `all` gives blobs as ArrayBuffer where `get` gives Buffer. */
function withBytes(row: Record<string, SqlValue | ArrayBuffer>): Row {
  for (const column in row) {
    const value = row[column];
    if (value instanceof ArrayBuffer) row[column] = new Uint8Array(value);
  }
  return row as Row;
}
