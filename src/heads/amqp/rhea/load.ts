import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { compileFunction } from "node:vm";

type Module = { exports: unknown };

/** What the library finds instead of Node's own: nothing of it reaches the output, and it sets no timers. */
const silent = (): void => undefined;
const globals = {
  console: { error: silent, warn: silent, trace: silent, log: silent },
  // Heartbeats and idle time-outs are the connection's, which has the hub's clock.
  setTimeout: (): undefined => undefined,
  clearTimeout: silent,
};

/** Traces would cost time for every frame, and would print tokens. */
const log = Object.fromEntries(
  ["config", "frames", "raw", "reconnect", "events", "message", "flow", "io"].map((name) => [
    name,
    silent,
  ]),
);

/**
 * Loads the library once more, as an instance of this head's own, so that it can be bounded and corrected without a
 * change for other users of it in the same process: the Azure SDKs in a test, for example.
 */
export function loadPrivately(packageName: string): (file: string) => unknown {
  const require = createRequire(import.meta.url);
  const folder = dirname(require.resolve(packageName));
  const loaded = new Map<string, Module>();

  const load = (path: string): unknown => {
    const known = loaded.get(path);
    if (known !== undefined) return known.exports;
    const module: Module = { exports: {} };
    loaded.set(path, module);
    if (path === join(folder, "log.js")) {
      module.exports = log;
      return log;
    }
    const requireFrom = (name: string): unknown => {
      if (!name.startsWith(".")) return require(name);
      const target = resolve(dirname(path), name);
      return load(target.endsWith(".js") ? target : `${target}.js`);
    };
    const run = compileFunction(
      readFileSync(path, "utf8"),
      ["exports", "require", "module", ...Object.keys(globals)],
      { filename: path },
    );
    run.call(module.exports, module.exports, requireFrom, module, ...Object.values(globals));
    return module.exports;
  };
  return (file) => load(join(folder, file));
}
