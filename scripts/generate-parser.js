// Makes src/domain/query/parser.generated.ts of grammar.peggy; with --check it only tells whether the file is current.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import peggy from "peggy";

const folder = path.join(import.meta.dirname, "..", "src", "domain", "query");
const grammarFile = path.join(folder, "grammar.peggy");
const parserFile = path.join(folder, "parser.generated.ts");

const code = peggy.generate(readFileSync(grammarFile, "utf8"), {
  output: "source",
  format: "es",
  grammarSource: "grammar.peggy",
  allowedStartRules: ["Query", "Condition", "Target"],
});
// The output is JavaScript: parse.ts gives it its types, and no other file imports it.
const generated = `// @ts-nocheck\n// Made from grammar.peggy by scripts/generate-parser.js; do not edit.\n${code.trimEnd()}\n`;

if (process.argv.includes("--check")) {
  if (currentParser() !== generated) {
    process.stderr.write(
      "src/domain/query/parser.generated.ts is not current: run 'node scripts/generate-parser.js'\n",
    );
    process.exit(1);
  }
} else {
  writeFileSync(parserFile, generated);
}

function currentParser() {
  try {
    return readFileSync(parserFile, "utf8");
  } catch {
    return "";
  }
}
