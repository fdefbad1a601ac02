import type { TwinPage, TwinRow, TwinScan } from "../../app/ports.ts";
import type { Device, Identity, Presence } from "../../domain/identity/identity.ts";
import type { Expression } from "../../domain/query/ast.ts";
import { type SqlFragment, compileToSql } from "../../domain/query/sql.ts";
import { identityOf, parse, twinOf } from "./codec.ts";
import type { Row, SqlValue } from "./driver.ts";
import type { QueryThread } from "./query-thread.ts";

const columns = `t.device_id, t.module_id, t.version, t.etag_counter, t.desired_version, t.reported_version, t.metadata,
  json(t.doc) AS doc, json(i.doc) AS identity, p.connected, p.state_updated_time, p.last_activity_time, p.detail`;

const tables = `twins t
  JOIN identities i ON i.device_id = t.device_id AND i.module_id = t.module_id`;

const presence = "LEFT JOIN presence p ON p.device_id = t.device_id AND p.module_id = t.module_id";

/** Twins by page, with as much of the condition as SQL can say. */
export class TwinScans {
  readonly #thread: QueryThread;

  constructor(thread: QueryThread) {
    this.#thread = thread;
  }

  async page(scan: TwinScan): Promise<TwinPage> {
    const { source, limit } = scan;
    const isModule = source === "devices.modules";
    const condition = conditionOf(source, scan.where);
    const after = scan.after ?? { deviceId: "" };
    const device = isModule ? ", json(d.doc) AS device" : "";
    const join = isModule
      ? "JOIN identities d ON d.device_id = t.device_id AND d.module_id = ''"
      : "";
    const position = isModule
      ? "(t.device_id, t.module_id) > (?, ?) AND t.module_id > ''"
      : "t.device_id > ? AND t.module_id = ''";
    const start = isModule ? [after.deviceId, after.moduleId ?? ""] : [after.deviceId];
    const rows = await this.#thread.all(
      `SELECT ${columns}${device} FROM ${tables} ${join} ${presence} WHERE ${position}${condition.sql}
       ORDER BY t.device_id, t.module_id LIMIT ?`,
      [...start, ...condition.parameters, limit],
    );
    const found = rows.map(rowOf);
    const last = found.at(-1)?.identity;
    return { rows: found, next: found.length < limit || last === undefined ? null : last };
  }

  async count({ source, where }: Pick<TwinScan, "source" | "where">): Promise<number | null> {
    const condition = conditionOf(source, where);
    if (!condition.exact) return null;
    const kind = source === "devices.modules" ? "t.module_id > ''" : "t.module_id = ''";
    const rows = await this.#thread.all(
      `SELECT count(*) AS n FROM ${tables} WHERE ${kind}${condition.sql}`,
      condition.parameters,
    );
    return Number(rows[0]?.["n"]);
  }
}

interface Condition {
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
  readonly exact: boolean;
}

function conditionOf(source: TwinScan["source"], where: Expression | null): Condition {
  if (where === null) return { sql: "", parameters: [], exact: true };
  const fragment: SqlFragment | null = compileToSql(where, "sqlite", source);
  if (fragment === null) return { sql: "", parameters: [], exact: false };
  return { sql: ` AND (${fragment.sql})`, parameters: fragment.parameters, exact: fragment.exact };
}

function rowOf(row: Row): TwinRow {
  const identity: Identity = identityOf(row["identity"]);
  const device = row["device"] === undefined ? identity : identityOf(row["device"]);
  return { identity, device: device as Device, twin: twinOf(row), presence: presenceOf(row) };
}

function presenceOf(row: Row): Presence | undefined {
  if (row["detail"] === null || row["detail"] === undefined) return undefined;
  return {
    connected: row["connected"] === 1,
    stateUpdatedTime: Number(row["state_updated_time"]),
    lastActivityTime: Number(row["last_activity_time"]),
    ...(parse(row["detail"]) as Partial<Presence>),
  };
}
