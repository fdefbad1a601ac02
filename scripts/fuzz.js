// Runs the fuzzers: `npm run fuzz -- --inputs 1000000 [--only http] [--seed 7]`. Without arguments as long as `npm test`.
// What a run finds lies in test/fuzz/corpus afterwards, and every later run begins with it.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { parseArgs } from "node:util";

const root = path.join(import.meta.dirname, "..");

/** @type {Record<string, string>} */
const fuzzers = {
  http: "test/fuzz/http.test.ts",
  websocket: "test/fuzz/websocket.test.ts",
  "connection-strings": "test/fuzz/connection-strings.test.ts",
  "sas-tokens": "test/fuzz/sas-tokens.test.ts",
  "json-patches": "test/fuzz/json-patches.test.ts",
  mqtt: "src/heads/mqtt/fuzz.test.ts",
  amqp: "src/heads/amqp/mutations.test.ts",
  query: "src/domain/query/parse.test.ts",
};

const { values } = parseArgs({
  options: { inputs: { type: "string" }, only: { type: "string" }, seed: { type: "string" } },
});
const known = Object.keys(fuzzers).join(", ");
if (values.only !== undefined && !(values.only in fuzzers)) fail(`--only must be one of ${known}`);
for (const name of /** @type {const} */ (["inputs", "seed"])) {
  const value = values[name];
  if (value !== undefined && !/^[1-9]\d{0,8}$/.test(value))
    fail(`--${name} must be a whole number`);
}

const files = Object.entries(fuzzers)
  .filter(([name]) => values.only === undefined || values.only === name)
  .map(([, file]) => file);
const vitest = path.join(root, "node_modules", "vitest", "vitest.mjs");
const done = spawnSync(process.execPath, [vitest, "run", ...files], {
  cwd: root,
  stdio: "inherit",
  env: {
    ...process.env,
    ...(values.inputs === undefined ? {} : { FUZZ_INPUTS: values.inputs }),
    ...(values.seed === undefined ? {} : { FUZZ_SEED: values.seed }),
  },
});
process.exit(done.status ?? 1);

/** @param {string} message */
function fail(message) {
  process.stderr.write(`fuzz: ${message}\n`);
  process.exit(1);
}
