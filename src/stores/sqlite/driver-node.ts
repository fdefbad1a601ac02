import {
  type Driver,
  type DriverModule,
  inTransaction,
  type Row,
  type SqlValue,
} from "./driver.ts";

/** The part of `node:sqlite` that is used; the types of Node 20 do not have it. */
interface NodeSqlite {
  readonly DatabaseSync: new (file: string) => {
    exec(sql: string): void;
    prepare(sql: string): {
      run(...parameters: readonly SqlValue[]): unknown;
      get(...parameters: readonly SqlValue[]): Row | undefined;
      all(...parameters: readonly SqlValue[]): Row[];
    };
    close(): void;
  };
}

/** Node's built-in SQLite, or undefined where Node has none. */
export function openNodeSqlite(): DriverModule | undefined {
  const sqlite = load();
  if (sqlite === undefined) return undefined;
  return {
    name: "node:sqlite",
    resolved: "node:sqlite",
    open: (file) => wrap(new sqlite.DatabaseSync(file)),
  };
}

function load(): NodeSqlite | undefined {
  const emitWarning = process.emitWarning.bind(process);
  // Node 22 calls it experimental whenever it is loaded; there is nothing its user could do about that.
  process.emitWarning = () => {};
  try {
    return process.getBuiltinModule("node:sqlite") as unknown as NodeSqlite | undefined;
  } finally {
    process.emitWarning = emitWarning;
  }
}

function wrap(database: InstanceType<NodeSqlite["DatabaseSync"]>): Driver {
  const exec = (sql: string) => database.exec(sql);
  return {
    exec,
    prepare(sql) {
      const statement = database.prepare(sql);
      return {
        run: (parameters) => void statement.run(...parameters),
        get: (parameters) => statement.get(...parameters),
        all: (parameters) => statement.all(...parameters),
      };
    },
    transaction: (work) => inTransaction(exec, work),
    close: () => database.close(),
  };
}
