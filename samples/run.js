// Compiles the two applications and runs the module-twin story with them: see story.ts for what happens and README.md
// for the settings. Node 20 does not run TypeScript by itself, therefore the compilation comes first.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(import.meta.url);
const tsc = path.join(path.dirname(require.resolve("typescript/package.json")), "bin", "tsc");
const compiled = spawnSync(process.execPath, [tsc, "-p", "tsconfig.json"], {
  cwd: import.meta.dirname,
  stdio: "inherit",
});
if (compiled.status !== 0) process.exit(compiled.status ?? 1);
await import("./dist/story.js");
