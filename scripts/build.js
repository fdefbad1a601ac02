// Writes the types of src/ to dist/, bundles its code, copies what neither does (the stores' SQL migrations), and builds
// the portal. A failed build leaves the dist/ that was there.
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { buildPortal } from "./build-portal.js";
import { bundle } from "./bundle.js";

const root = path.join(import.meta.dirname, "..");
const require = createRequire(import.meta.url);
const tsc = path.join(path.dirname(require.resolve("typescript/package.json")), "bin", "tsc");
const dist = path.join(root, "dist");
const fresh = path.join(root, `dist.${process.pid}`);

/** @param {number} code */
function end(code) {
  rmSync(fresh, { recursive: true, force: true });
  process.exit(code);
}

const done = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json", "--outDir", fresh], {
  cwd: root,
  stdio: "inherit",
});
if (done.status !== 0) end(done.status ?? 1);
try {
  await bundle(fresh);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  end(1);
}

for (const store of ["sqlite", "postgres"]) {
  const from = path.join(root, "src", "stores", store, "migrations");
  if (existsSync(from))
    cpSync(from, path.join(fresh, "stores", store, "migrations"), { recursive: true });
}
chmodSync(path.join(fresh, "cli", "main.js"), 0o755);
const portalCode = buildPortal(path.join(fresh, "portal"));
if (portalCode !== 0) end(portalCode);

rmSync(dist, { recursive: true, force: true });
renameSync(fresh, dist);
