// `npm run bench:NAME`: which program, and which rows of it, measure one thing. What follows the name goes to the program.
//   node bench/command.js ingest [--amqp] [--json] …
import { spawn } from "node:child_process";
import path from "node:path";

/** Programs of this folder with their first arguments. @type {Readonly<Record<string, readonly string[]>>} */
const COMMANDS = {
  ingest: rows("telemetry-100x10", "telemetry-1000x1", "telemetry-10k"),
  twin: rows("patch-single", "patch-100x1", "patch-100x4", "patch-1000x1", "get-100x4"),
  idle: rows("idle"),
  connect: rows("connect", "storm"),
  start: rows("start"),
  query: ["queries.js"],
  scale: ["scale.js"],
  http: ["http.js"],
  store: ["store.js"],
  crash: ["crash.js"],
};

/** Why a measurement of the design is not here. @type {Readonly<Record<string, string>>} */
const ABSENT = { route: "there is one node and no bus between nodes yet, so there is no goal 19" };

/** @param {readonly string[]} names */
function rows(...names) {
  return ["main.js", ...names.flatMap((name) => ["--only", name])];
}

/** @param {string} text @returns {number} exit code */
function refuse(text) {
  process.stderr.write(`bench: ${text}\n`);
  return 2;
}

/** @param {readonly string[]} args @returns {Promise<number> | number} exit code */
function main([name = "", ...rest]) {
  const absent = ABSENT[name];
  if (absent !== undefined) return refuse(`${name} is not there: ${absent}`);
  const isAmqp = name === "ingest" && rest.includes("--amqp");
  const command = isAmqp ? ["amqp.js"] : COMMANDS[name];
  if (command === undefined)
    return refuse(`no command ${name}; there are ${Object.keys(COMMANDS).join(", ")}`);
  const [program = "", ...first] = command;
  const script = path.join(import.meta.dirname, program);
  const args = [script, ...first, ...rest.filter((arg) => !isAmqp || arg !== "--amqp")];
  const child = spawn(process.execPath, args, { stdio: "inherit" });
  // The program has the signal, too, and ends its servers first.
  process.on("SIGINT", () => {});
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(refuse(error.message)));
    child.once("exit", (code) => resolve(code ?? 1));
  });
}

process.exitCode = await main(process.argv.slice(2));
