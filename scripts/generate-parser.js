// Makes parser.generated.ts beside each grammar.peggy; with --check it only tells whether the files are current.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import peggy from "peggy";

/** @type {{ folder: string, startRules: string[] }[]} */
const grammars = [
  { folder: "src/domain/query", startRules: ["Query", "Condition", "Target"] },
  { folder: "src/domain/routing", startRules: ["Condition"] },
];
const root = path.join(import.meta.dirname, "..");

for (const { folder, startRules } of grammars) {
  const parserFile = path.join(root, folder, "parser.generated.ts");
  const generated = parserOf(path.join(root, folder, "grammar.peggy"), startRules);
  if (!process.argv.includes("--check")) writeFileSync(parserFile, generated);
  else if (textOf(parserFile) !== generated) {
    process.stderr.write(
      `${folder}/parser.generated.ts is not current: run 'node scripts/generate-parser.js'\n`,
    );
    process.exitCode = 1;
  }
}

/**
 * @param {string} grammarFile
 * @param {string[]} allowedStartRules
 */
function parserOf(grammarFile, allowedStartRules) {
  const code = peggy.generate(readFileSync(grammarFile, "utf8"), {
    output: "source",
    format: "es",
    grammarSource: "grammar.peggy",
    allowedStartRules,
  });
  // The output is JavaScript: parse.ts gives it its types, and no other file imports it.
  return `// @ts-nocheck\n// Made from grammar.peggy by scripts/generate-parser.js; do not edit.\n${code.trimEnd()}\n`;
}

/** @param {string} file */
function textOf(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
