// Compiles src/ to dist/ and copies what the compiler does not: the stores' SQL migrations.
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const root = path.join(import.meta.dirname, "..");
const require = createRequire(import.meta.url);
const tsc = path.join(path.dirname(require.resolve("typescript/package.json")), "bin", "tsc");
const dist = path.join(root, "dist");

rmSync(dist, { recursive: true, force: true });
const done = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], {
  cwd: root,
  stdio: "inherit",
});
if (done.status !== 0) process.exit(done.status ?? 1);

for (const store of ["sqlite", "postgres"]) {
  const from = path.join(root, "src", "stores", store, "migrations");
  if (existsSync(from))
    cpSync(from, path.join(dist, "stores", store, "migrations"), { recursive: true });
}
const main = path.join(dist, "cli", "main.js");
if (existsSync(main)) chmodSync(main, 0o755);
