// Format, lint (type-aware, with the walls between the rooms), types, and generated files current: in this order,
// stopping at the first failure.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";

const root = path.join(import.meta.dirname, "..");
/** @param {string} tool */
const bin = (tool) => path.join(root, "node_modules", ".bin", tool);

/** @type {{ command: string, args: string[], mend: string }[]} */
const steps = [
  { command: bin("oxfmt"), args: ["--check", "."], mend: "npm run fix" },
  {
    command: bin("oxlint"),
    // Warnings (a long file, a branchy function) are questions to the reader; errors stop.
    args: ["--type-aware"],
    mend: "npm run fix mends the simple ones",
  },
  {
    command: bin("tsc"),
    args: ["-p", "tsconfig.json"],
    mend: "types are mended by hand",
  },
  {
    command: bin("tsc"),
    args: ["-p", "portal/tsconfig.json"],
    mend: "types are mended by hand",
  },
];
const generator = path.join(root, "scripts", "generate-parser.js");
if (existsSync(generator)) {
  steps.push({
    command: process.execPath,
    args: [generator, "--check"],
    mend: "node scripts/generate-parser.js",
  });
}

for (const { command, args, mend } of steps) {
  const done = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (done.status !== 0) {
    process.stderr.write(`check: ${path.basename(command)} ${args.join(" ")} failed (${mend})\n`);
    process.exit(done.status ?? 1);
  }
}
