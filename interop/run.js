// `npm run interop`: the unmodified SDKs of other languages, and one AMQP library that knows nothing of Azure, against a
// hub of its own. README.md says what each part needs; one that has not got it is named and is no failure.
import { freeAddress, startHub } from "./runner/hub.js";
import { NotRun } from "./runner/outcome.js";
import { az } from "./parts/az.js";
import { java } from "./parts/java.js";
import { javaSetUp, pythonSetUp } from "./parts/set-up.js";
import { python, qpidProton } from "./parts/python.js";
import { javaStory, pythonStory } from "./parts/stories.js";

/** @typedef {import("./runner/outcome.js").Part} Part */
/** @typedef {import("./runner/outcome.js").Outcome} Outcome */
/** @typedef {{ name: string, outcome: Outcome, seconds: number }} Row */

/** @type {readonly Part[]} */
const parts = [python, pythonStory, pythonSetUp, qpidProton, java, javaStory, javaSetUp, az];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !parts.some((part) => part.name === name));
if (unknown.length > 0) {
  console.error(
    `no such part: ${unknown.join(", ")} (${parts.map(({ name }) => name).join(", ")})`,
  );
  process.exit(2);
}

const hub = await startHub(await freeAddress());
/** @type {Row[]} */
const rows = [];
/** @type {{ name: string, why: string }[]} */
const notRun = [];
try {
  for (const part of parts) {
    if (wanted.length > 0 && !wanted.includes(part.name)) continue;
    console.error(`${part.name} …`);
    const began = performance.now();
    try {
      const outcome = await part.run(hub);
      rows.push({ name: part.name, outcome, seconds: (performance.now() - began) / 1000 });
      if (outcome.failed > 0) console.error(outcome.output);
    } catch (error) {
      if (!(error instanceof NotRun)) throw error;
      notRun.push({ name: part.name, why: error.message });
    }
  }
} finally {
  await hub.stop();
}

console.log(table(rows));
for (const { name, why } of notRun) console.log(`not run: ${name}: ${why}`);
const passed = rows.reduce((sum, { outcome }) => sum + outcome.passed, 0);
const failed = rows.reduce((sum, { outcome }) => sum + outcome.failed, 0);
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0) process.exitCode = 1;

/** @param {readonly Row[]} all */
function table(all) {
  const lines = [
    ["part", "what ran", "passed", "failed", "seconds"],
    ...all.map(({ name, outcome, seconds }) => [
      name,
      outcome.what,
      String(outcome.passed),
      String(outcome.failed),
      seconds.toFixed(1),
    ]),
  ];
  const widths = [0, 1, 2, 3, 4].map((column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return column < 2 ? cell.padEnd(width) : cell.padStart(width);
        })
        .join("  "),
    )
    .join("\n");
}
