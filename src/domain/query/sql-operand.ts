import { twinEtagCounter } from "../identity/etag.ts";
import { never } from "../time.ts";
import type { PathExpression } from "./ast.ts";

/**
 * How SQL reads a path. Every text is NULL where the path is undefined.
 * `json`: a JSON value; `text` is its JSON text as `JSON.stringify` writes it, `value` what json_extract gives and
 * `type` what json_type gives. `string` and `integer`: a column. `missing`: undefined in every row.
 * `time`: text of a time; `column` is it in milliseconds, with another number for those whose time only the hub knows.
 * `code`: text that stands for the number in a column, as `numberOf` tells. `unknown`: not in SQL's reach.
 */
export type SqlOperand =
  | { readonly kind: "json"; readonly text: string; readonly value: string; readonly type: string }
  | { readonly kind: "string" | "integer"; readonly value: string }
  | {
      readonly kind: "code";
      readonly column: string;
      readonly numberOf: (text: string) => number | undefined;
    }
  | { readonly kind: "time"; readonly column: (ofOthers: number) => string }
  | { readonly kind: "missing" | "unknown" };

export type TwinSource = "devices" | "devices.modules";

/** The tables' names in a statement: `twins` and the `identities` beside it. */
interface Tables {
  readonly twins: string;
  readonly identities: string;
}

const rowTables: Tables = { twins: "t", identities: "i" };
const deviceTables: Tables = { twins: "dt", identities: "di" };

const missing: SqlOperand = { kind: "missing" };
const unknown: SqlOperand = { kind: "unknown" };

/** Finds what a path reads in the SQLite store; the view that it must agree with is `serviceView`. */
export function sqlOperand(path: PathExpression, source: TwinSource): SqlOperand {
  const isModule = source === "devices.modules";
  if (path.of === "device") return isModule ? ofDevice(path.segments) : missing;
  // A module's status is its device's.
  if (isModule && path.segments[0] === "status") return ofDevice(path.segments);
  return operandIn(path.segments, rowTables, isModule);
}

/** The device of a module's row, by its key: one look into the index. */
function ofDevice(segments: readonly string[]): SqlOperand {
  const operand = operandIn(segments, deviceTables, false);
  const select = (value: string) =>
    `(SELECT ${value} FROM twins dt JOIN identities di ON di.device_id = dt.device_id AND di.module_id = dt.module_id WHERE dt.device_id = t.device_id AND dt.module_id = '')`;
  switch (operand.kind) {
    case "json":
      return {
        kind: "json",
        text: select(operand.text),
        value: select(operand.value),
        type: select(operand.type),
      };
    case "string":
    case "integer":
      return { kind: operand.kind, value: select(operand.value) };
    case "code":
      return { ...operand, column: select(operand.column) };
    case "time":
      return { ...operand, column: (ofOthers) => select(operand.column(ofOthers)) };
    case "missing":
    case "unknown":
      return operand;
  }
}

function operandIn(segments: readonly string[], tables: Tables, isModule: boolean): SqlOperand {
  const [root, ...rest] = segments;
  const { twins, identities } = tables;
  switch (root) {
    case "deviceId":
      return rest.length > 0 ? missing : { kind: "string", value: `${twins}.device_id` };
    case "moduleId":
      if (rest.length > 0 || !isModule) return missing;
      return { kind: "string", value: `${twins}.module_id` };
    case "etag": {
      if (rest.length > 0) return missing;
      return { kind: "code", column: `${twins}.etag_counter`, numberOf: twinEtagCounter };
    }
    case "connectionState":
      return rest.length > 0 ? missing : { kind: "string", value: connectionState(twins) };
    case "lastActivityTime":
      if (rest.length > 0) return missing;
      return { kind: "time", column: (ofOthers) => lastActivityTime(twins, ofOthers) };
    case "version":
      return rest.length > 0 ? missing : { kind: "integer", value: `${twins}.version` };
    case "modelId":
      return jsonAt(`${twins}.doc`, segments);
    case "tags":
    case "configurations":
      // The view leaves them out when they are empty, the document does not.
      return rest.length === 0 ? unknown : jsonAt(`${twins}.doc`, segments);
    case "properties":
      return property(segments, twins);
    case "authenticationType":
      return jsonAt(`${identities}.doc`, ["authentication", "type", ...rest]);
    default:
      return ofDeviceIdentity(segments, `${identities}.doc`, isModule);
  }
}

/** Of those who are connected the hub knows a later time than the store. */
function lastActivityTime(twins: string, ofConnected: number): string {
  const stored = `SELECT CASE WHEN ps.connected = 1 THEN ${ofConnected} ELSE ps.last_activity_time END FROM presence ps WHERE ps.device_id = ${twins}.device_id AND ps.module_id = ${twins}.module_id`;
  return `coalesce((${stored}), ${never})`;
}

/** Whoever has no row was never connected. */
function connectionState(twins: string): string {
  const connected = `SELECT 1 FROM presence ps WHERE ps.device_id = ${twins}.device_id AND ps.module_id = ${twins}.module_id AND ps.connected = 1`;
  return `(CASE WHEN EXISTS (${connected}) THEN 'Connected' ELSE 'Disconnected' END)`;
}

/** What only devices have. */
function ofDeviceIdentity(
  segments: readonly string[],
  document: string,
  isModule: boolean,
): SqlOperand {
  const [root, ...rest] = segments;
  switch (root) {
    case "status":
      return isModule ? missing : jsonAt(document, segments);
    case "statusReason":
    case "deviceScope":
      return isModule ? missing : withoutNull(jsonAt(document, segments));
    case "capabilities":
      return isModule ? missing : capability(rest, document);
    case "parentScopes":
      return isModule ? missing : withoutEmptyArray(jsonAt(document, segments));
    default:
      return unknown;
  }
}

function property(segments: readonly string[], twins: string): SqlOperand {
  const [, section, member, ...rest] = segments;
  if (section === undefined) return unknown;
  if (section !== "desired" && section !== "reported") return missing;
  switch (member) {
    case undefined:
    case "$metadata":
      return unknown;
    case "$version":
      return rest.length > 0 ? missing : { kind: "integer", value: `${twins}.${section}_version` };
    default:
      return jsonAt(`${twins}.doc`, segments);
  }
}

function capability(rest: readonly string[], document: string): SqlOperand {
  const [name, ...more] = rest;
  if (name === undefined) return unknown;
  return name === "iotEdge" ? jsonAt(document, [name, ...more]) : missing;
}

function jsonAt(document: string, segments: readonly string[]): SqlOperand {
  const path = sqlJsonPath(segments);
  if (path === undefined) return unknown;
  return {
    kind: "json",
    text: `(${document} -> ${path})`,
    value: `json_extract(${document}, ${path})`,
    type: `json_type(${document}, ${path})`,
  };
}

function withoutNull(operand: SqlOperand): SqlOperand {
  if (operand.kind !== "json") return operand;
  const { text, value, type } = operand;
  return { kind: "json", text: `NULLIF(${text}, 'null')`, value, type: `NULLIF(${type}, 'null')` };
}

function withoutEmptyArray(operand: SqlOperand): SqlOperand {
  if (operand.kind !== "json") return operand;
  const { text, value, type } = operand;
  return {
    kind: "json",
    text: `NULLIF(${text}, '[]')`,
    value,
    type: `CASE WHEN ${text} = '[]' THEN NULL ELSE ${type} END`,
  };
}

/**
 * An SQL literal with the JSON path of nested members, for example `'$."tags"."site"'`, the same for every query so
 * that an index on the expression is found. `undefined` for names that SQLite's paths cannot quote in every version.
 */
export function sqlJsonPath(segments: readonly string[]): string | undefined {
  if (segments.some((segment) => /["\\\p{Cc}\p{Cs}]/u.test(segment))) return undefined;
  const path = segments.map((segment) => `."${segment}"`).join("");
  return `'$${path.replaceAll("'", "''")}'`;
}
