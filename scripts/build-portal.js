// Builds the portal, or takes the last build if nothing that it is made of has changed since.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const root = path.join(import.meta.dirname, "..");
const portal = path.join(root, "portal");
const cache = path.join(root, "node_modules", ".cache", "twinhub-portal");

/** What the build reads beside the libraries, whose versions stand in the lock file. */
const inputs = [
  "package-lock.json",
  "portal/index.html",
  "portal/package.json",
  "portal/vite.config.ts",
  "portal/public",
  "portal/src",
  "src/domain/twin",
  "src/domain/errors.ts",
  "src/domain/json.ts",
];

/**
 * Leaves the built portal in `target`; gives back the exit code.
 * @param {string} target
 */
export function buildPortal(target) {
  const kept = path.join(cache, fingerprint());
  if (!existsSync(kept)) {
    // Two builds may run at once: each works for itself, and the first one's result stays.
    const fresh = `${kept}.${process.pid}`;
    const code = runVite(fresh);
    if (code !== 0) {
      rmSync(fresh, { recursive: true, force: true });
      return code;
    }
    if (existsSync(kept)) rmSync(fresh, { recursive: true, force: true });
    else renameSync(fresh, kept);
    forgetOthers(path.basename(kept));
  }
  cpSync(kept, target, { recursive: true });
  return 0;
}

/** How long an older result stays, because another build may be copying it. */
const keptFor = 600_000;

/** @param {string} name */
function forgetOthers(name) {
  for (const other of readdirSync(cache)) {
    const folder = path.join(cache, other);
    if (other === name || Date.now() - statSync(folder).mtimeMs < keptFor) continue;
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {string} outDir */
function runVite(outDir) {
  const require = createRequire(path.join(portal, "package.json"));
  const vite = path.join(path.dirname(require.resolve("vite/package.json")), "bin", "vite.js");
  const done = spawnSync(process.execPath, [vite, "build"], {
    cwd: portal,
    stdio: "inherit",
    env: { ...process.env, NODE_ENV: "production", PORTAL_OUT_DIR: outDir },
  });
  return done.status ?? 1;
}

function fingerprint() {
  const hash = createHash("sha256");
  for (const file of inputs.flatMap(filesOf).sort()) {
    hash.update(`${file}\n`);
    hash.update(readFileSync(path.join(root, file)));
  }
  return hash.digest("hex").slice(0, 16);
}

/**
 * @param {string} name
 * @returns {string[]}
 */
function filesOf(name) {
  const full = path.join(root, name);
  if (path.extname(name) !== "") return [name];
  return readdirSync(full, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath ?? entry.path, entry.name)));
}
