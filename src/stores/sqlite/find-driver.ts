import type { DriverModule } from "./driver.ts";
import { openLibsql } from "./driver-libsql.ts";
import { openNodeSqlite } from "./driver-node.ts";
import { StoreOpenError } from "./open-error.ts";

/** Node's own SQLite where it exists (Node 22.13 and later), else libsql. Throws StoreOpenError if there is neither. */
export function findDriver(): DriverModule {
  const found = openNodeSqlite() ?? openLibsql();
  if (found !== undefined) return found;
  throw new StoreOpenError(
    "noDriver",
    `Node ${process.versions.node} has no SQLite and the package libsql is not installed: use Node 22.13 or later, or run npm install libsql@0.5`,
  );
}
