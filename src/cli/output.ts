import { type Json, type JsonObject, isObject } from "../domain/json.ts";

/** A column of a table: its heading and the path of its value, for example `capabilities.iotEdge`. */
export type Column = readonly [heading: string, path: string];

/** JSON with two blanks of indent, or a table; ends with a line break. Without columns a table has one line per member. */
export function render(
  value: Json,
  format: "json" | "table",
  columns: readonly Column[] = [],
): string {
  switch (format) {
    case "json":
      return `${JSON.stringify(value, null, 2)}\n`;
    case "table":
      return table(value, columns);
  }
}

function table(value: Json, columns: readonly Column[]): string {
  if (Array.isArray(value)) {
    const rows = (value as readonly Json[]).map((row) =>
      columns.map(([, path]) => cell(at(row, path.split(".")))),
    );
    return align([columns.map(([heading]) => heading), ...rows]);
  }
  if (isObject(value)) return align(members(value, ""));
  return `${cell(value)}\n`;
}

function members(object: JsonObject, prefix: string): string[][] {
  return Object.entries(object).flatMap(([key, value]) => {
    const path = `${prefix}${cell(key)}`;
    return isObject(value) && Object.keys(value).length > 0
      ? members(value, `${path}.`)
      : [[path, cell(value)]];
  });
}

function at(value: Json | undefined, path: readonly string[]): Json | undefined {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  return isObject(value) && Object.hasOwn(value, key) ? at(value[key], rest) : undefined;
}

/** One line without control characters: a value must not steer a terminal. */
function cell(value: Json | undefined): string {
  const text =
    value === undefined || value === null
      ? "-"
      : typeof value === "string"
        ? value
        : Array.isArray(value) && value.every((item) => typeof item === "string")
          ? value.join(", ")
          : JSON.stringify(value);
  return text.replaceAll(/\p{Cc}/gu, "�");
}

function align(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((text, index) => {
      widths[index] = Math.max(widths[index] ?? 0, text.length);
    });
  return rows
    .map((row) => row.map((text, index) => text.padEnd(widths[index] ?? 0)).join("  "))
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}
