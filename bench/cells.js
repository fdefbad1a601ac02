// What the small programs of this folder print: one JSON object for each cell, or a Markdown table of the same.
import path from "node:path";

import { describeMachine, flushMs } from "./machine.js";
import { number } from "./report.js";

/** @typedef {Record<string, string | number | undefined>} Cell a row of the table by the names of its columns */

/** Options that every program has. */
export const OPTIONS = /** @type {const} */ ({
  data: { type: "string", default: "data" },
  dist: { type: "string", default: path.join(import.meta.dirname, "..", "dist") },
  json: { type: "boolean", default: false },
});

/**
 * @param {string} bench its name
 * @param {readonly Cell[]} cells all with the same columns
 * @param {{ directory: string, json: boolean, effort: string, cores: number }} how `cores`: what all processes of the
 *   machine used
 */
export function printCells(bench, cells, { directory, json, effort, cores }) {
  const machine = { ...describeMachine(directory), flushMs: flushMs(directory), coresUsed: cores };
  if (json) {
    for (const cell of cells)
      process.stdout.write(`${JSON.stringify({ bench, ...cell, machine })}\n`);
    return;
  }
  const names = Object.keys(cells[0] ?? {});
  const { date, commit, node, cpu } = machine;
  const text = (/** @type {string | number | undefined} */ value) =>
    typeof value === "number" ? number(value) : (value ?? "");
  const lines = [
    `Measured ${date} at commit ${commit}: Node ${node}, ${cpu}; one flush takes ${number(machine.flushMs)} ms. ${effort} All processes of the machine used ${number(cores)} cores on average.`,
    "",
    `| ${names.join(" | ")} |`,
    `| ${names.map((name) => (typeof cells[0]?.[name] === "number" ? "---:" : "---")).join(" | ")} |`,
    ...cells.map((cell) => `| ${names.map((name) => text(cell[name])).join(" | ")} |`),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}
