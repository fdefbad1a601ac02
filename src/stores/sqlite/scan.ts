import type {
  ScanPlan,
  TwinGroup,
  TwinGrouping,
  TwinGroups,
  TwinPage,
  TwinRow,
  TwinScan,
  TwinTextPage,
} from "../../app/ports.ts";
import type { Device, Identity, Presence } from "../../domain/identity/identity.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import type { Json } from "../../domain/json.ts";
import { tooManyGroups } from "../../domain/query/aggregate.ts";
import type { PathExpression } from "../../domain/query/ast.ts";
import { maxGroupCharacters } from "../../domain/query/limits.ts";
import { type SqlFragment, compileToSql, sqlJsonText } from "../../domain/query/sql.ts";
import { identityOf, parse, twinOf, twinTextOf } from "./codec.ts";
import type { Row, SqlValue } from "./driver.ts";
import { indexUse } from "./index-use.ts";
import type { QueryThread, ThreadAnswer } from "./query-thread.ts";
import { StepSizes } from "./step-sizes.ts";

/** Characters of one page: what the event loop has to parse in one go. */
const maxPageLength = 512 * 1024;
/** A range of an index is taken if it holds no more rows: they are read and sorted again for each page. */
const maxRangeRows = 2_000;

const columns = `t.version, t.etag_counter, t.desired_version, t.reported_version, t.metadata,
  json(i.doc) AS identity, p.connected, p.state_updated_time, p.last_activity_time, p.detail`;
/** A twin's values, to be read. */
const asValue = "json(t.doc) AS doc";
/** A twin's values as texts, one for each section. */
const asTexts = `t.doc -> '$.tags' AS tags, t.doc -> '$.properties.desired' AS desired,
  t.doc -> '$.properties.reported' AS reported, t.doc ->> '$.modelId' AS model_id, t.doc -> '$.configurations' AS configurations`;

/** CROSS: the twins are looked at first, in whatever order was asked for. */
const identities =
  "CROSS JOIN identities i ON i.device_id = t.device_id AND i.module_id = t.module_id";
const devices = "CROSS JOIN identities d ON d.device_id = t.device_id AND d.module_id = ''";
const presence = "LEFT JOIN presence p ON p.device_id = t.device_id AND p.module_id = t.module_id";

/** A page with all that its rows are made of. */
function selectFrom(source: TwinScan["source"], twin = asValue): string {
  return source === "devices.modules"
    ? `SELECT ${columns}, ${twin}, json(d.doc) AS device FROM twins t ${identities} ${devices} ${presence}`
    : `SELECT ${columns}, ${twin} FROM twins t ${identities} ${presence}`;
}

type Scan = Pick<TwinScan, "source" | "where">;

/** Twins by step, with as much of the condition as SQL can say. */
export class TwinScans {
  readonly #thread: QueryThread;
  readonly #isIndexed: (path: readonly string[]) => boolean;
  readonly #sizes = new StepSizes();

  /** `isIndexed` knows the paths of declared indexes. */
  constructor(thread: QueryThread, isIndexed: (path: readonly string[]) => boolean) {
    this.#thread = thread;
    this.#isIndexed = isIndexed;
  }

  page(scan: TwinScan): Promise<TwinPage> {
    const common = commonReader();
    return this.#rows(scan, conditionOf(scan), asValue, (row) => ({
      ...common(row),
      twin: twinOf(row),
    }));
  }

  /** Null if the condition cannot be decided here. */
  async texts(scan: TwinScan): Promise<TwinTextPage | null> {
    const condition = conditionOf(scan);
    if (!condition.exact) return null;
    const common = commonReader();
    return this.#rows(scan, condition, asTexts, (row) => ({
      ...common(row),
      twin: twinTextOf(row),
    }));
  }

  async #rows<Found extends Pick<TwinRow, "identity">>(
    scan: TwinScan,
    condition: Condition,
    twin: string,
    read: (row: Row) => Found,
  ): Promise<{ readonly rows: readonly Found[]; readonly next: IdentityKey | null }> {
    const { source, limit } = scan;
    const step = await this.#step(scan, condition, scan.after);
    const answer = await this.#run(
      step,
      `${selectFrom(source, twin)}
       WHERE ${step.sql} AND ${condition.sql} ORDER BY ${step.order} LIMIT ?`,
      [...step.parameters, ...condition.parameters, limit],
      { maxLength: maxPageLength, limit },
    );
    const rows = answer.rows.map(read);
    const last = rows.at(-1)?.identity;
    const isFull = answer.isCut || rows.length === limit;
    return { rows, next: isFull && last !== undefined ? last : step.end };
  }

  async group(grouping: TwinGrouping): Promise<TwinGroups | null> {
    const { source, paths, limit } = grouping;
    const condition = conditionOf(grouping);
    const keys = paths.map((path) => sqlJsonText(path, source));
    if (!condition.exact || keys.some((key) => key === undefined)) return null;
    const step = await this.#step(grouping, condition, grouping.after, "counting");
    const selected = [...keys.map((key, index) => `${key} AS k${index}`), "count(*) AS n"].join();
    const names = keys.map((_, index) => `k${index}`).join();
    const joined = /\bi\./.test(`${condition.sql} ${keys.join()}`) ? identities : "";
    const answer = await this.#run(
      step,
      `SELECT ${selected} FROM twins t ${joined} WHERE ${step.sql} AND ${condition.sql}
       ${names === "" ? "" : `GROUP BY ${names}`} LIMIT ?`,
      [...step.parameters, ...condition.parameters, limit + 1],
      { maxLength: maxGroupCharacters, limit: Number.POSITIVE_INFINITY },
    );
    if (answer.isCut) throw tooManyGroups();
    return { groups: answer.rows.map((row) => groupOf(row, paths)), next: step.end };
  }

  async explain(scan: Scan): Promise<ScanPlan> {
    const condition = conditionOf(scan);
    const use = indexUse(scan.where, scan.source, this.#isIndexed);
    const step = await this.#step(scan, condition, null);
    const { rows } = await this.#thread.all(
      `EXPLAIN QUERY PLAN ${selectFrom(scan.source)} WHERE ${step.sql} AND ${condition.sql} ORDER BY ${step.order}`,
      [...step.parameters, ...condition.parameters],
    );
    const isUsed = use.kind === "equal" || (use.kind === "range" && step.order.startsWith("+"));
    return {
      condition: condition.fragment,
      steps: rows.map((row) => String(row["detail"])),
      index: isUsed ? use.path : null,
    };
  }

  /** Where the next step goes, and how its rows are found. */
  async #step(
    scan: Scan,
    condition: Condition,
    after: IdentityKey | null,
    purpose: "showing" | "counting" = "showing",
  ): Promise<Step> {
    const use = indexUse(scan.where, scan.source, this.#isIndexed);
    const ofSource = scan.source === "devices" ? "t.module_id = ''" : "t.module_id > ''";
    const whole = { condition: condition.sql, end: null, isMeasured: false };
    const [from, bindings] = position(after, false);
    if (use.kind === "range" && (await this.#isNarrow(use.bound, purpose))) {
      // The plus signs keep SQLite from going by the keys, as it would to have them in order.
      const [unordered] = position(after, true);
      const inRange = `t.rowid IN (SELECT t.rowid FROM twins t WHERE ${use.bound.sql})`;
      const parameters = [...bindings, ...use.bound.parameters];
      const order = "+t.device_id, +t.module_id";
      return { ...whole, sql: `${ofSource} AND ${unordered} AND ${inRange}`, parameters, order };
    }
    const order = "t.device_id, t.module_id";
    const sql = `${ofSource} AND ${from}`;
    const isFound = use.kind === "key" || use.kind === "equal";
    if (isFound || (scan.where === null && purpose === "showing")) {
      return { ...whole, sql, parameters: bindings, order };
    }
    const end = await this.#endOf(condition.sql, after);
    if (end === null) return { ...whole, sql, parameters: bindings, order, isMeasured: true };
    return {
      condition: condition.sql,
      sql: `${sql} AND (t.device_id, t.module_id) <= (?, ?)`,
      parameters: [...bindings, end.deviceId, end.moduleId ?? ""],
      order,
      end,
      isMeasured: true,
    };
  }

  /** A range is read and sorted again for each page, but counted once. */
  async #isNarrow(bound: SqlFragment, purpose: "showing" | "counting"): Promise<boolean> {
    if (purpose === "counting") return true;
    const { rows } = await this.#thread.all(
      `SELECT count(*) AS n FROM (SELECT 1 FROM twins t WHERE ${bound.sql} LIMIT ?)`,
      [...bound.parameters, maxRangeRows + 1],
    );
    return Number(rows[0]?.["n"]) <= maxRangeRows;
  }

  /** The last key of a step of the right size; null if it reaches the end of the table. */
  async #endOf(condition: string, after: IdentityKey | null): Promise<IdentityKey | null> {
    const [from, parameters] = position(after, false);
    const { rows } = await this.#thread.all(
      `SELECT device_id, module_id FROM twins t WHERE ${from} ORDER BY device_id, module_id LIMIT 1 OFFSET ?`,
      [...parameters, this.#sizes.get(condition)],
    );
    const [row] = rows;
    if (row === undefined) return null;
    const moduleId = String(row["module_id"]);
    return { deviceId: String(row["device_id"]), ...(moduleId === "" ? {} : { moduleId }) };
  }

  async #run(
    step: Step,
    sql: string,
    parameters: readonly SqlValue[],
    bounds: { readonly maxLength: number; readonly limit: number },
  ): Promise<ThreadAnswer> {
    const answer = await this.#thread.all(sql, parameters, bounds.maxLength);
    if (step.isMeasured) {
      const isWhole = !answer.isCut && answer.rows.length < bounds.limit;
      this.#sizes.took(step.condition, answer.milliseconds, isWhole);
    }
    return answer;
  }
}

/** A piece of a scan: which rows, in which order. */
interface Step {
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
  readonly order: string;
  /** The last key that it looks at; null if it goes to the end. */
  readonly end: IdentityKey | null;
  readonly condition: string;
  /** Its time says how long the next one may be. */
  readonly isMeasured: boolean;
}

interface Condition {
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
  readonly exact: boolean;
  readonly fragment: SqlFragment | null;
}

function conditionOf({ source, where }: Scan): Condition {
  if (where === null) return { sql: "1", parameters: [], exact: true, fragment: null };
  const fragment = compileToSql(where, "sqlite", source);
  if (fragment === null) return { sql: "1", parameters: [], exact: false, fragment };
  const { sql, parameters, exact } = fragment;
  return { sql: `(${sql})`, parameters, exact, fragment };
}

/** After a key, in the order of keys: a device comes before its modules. */
function position(
  after: IdentityKey | null,
  isUnordered: boolean,
): [sql: string, parameters: readonly SqlValue[]] {
  const names = isUnordered ? "(+t.device_id, +t.module_id)" : "(t.device_id, t.module_id)";
  return [`${names} > (?, ?)`, [after?.deviceId ?? "", after?.moduleId ?? ""]];
}

function groupOf(row: Row, paths: readonly PathExpression[]): TwinGroup {
  const keys = paths.map((_, index) => {
    const text = row[`k${index}`];
    return typeof text === "string" ? (JSON.parse(text) as Json) : undefined;
  });
  return { keys, count: Number(row["n"]) };
}

/** What a row tells beside its twin. The modules of one device follow each other: it is read once for them. */
function commonReader(): (row: Row) => Omit<TwinRow, "twin"> {
  let text: SqlValue | undefined;
  let device: Identity | undefined;
  return (row) => {
    const identity: Identity = identityOf(row["identity"]);
    if (row["device"] === undefined) device = identity;
    else if (device === undefined || row["device"] !== text) device = identityOf(row["device"]);
    text = row["device"];
    return { identity, device: device as Device, presence: presenceOf(row) };
  };
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
