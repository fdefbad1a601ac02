import { configureGlobal } from "fast-check";
import { vi } from "vitest";
import { patience } from "./patience.ts";

/**
 * With the same seed a property sees the same values in each run, so that what fails in CI fails here as well.
 * `TEST_SEED` looks at others.
 */
const usualSeed = 20_261;

configureGlobal({ seed: Number(process.env["TEST_SEED"] ?? usualSeed) });

// Vitest's own is one second, which is no condition's fault on a machine that has other things to do.
const { waitFor } = vi;
vi.waitFor = (condition, options) =>
  waitFor(condition, {
    timeout: patience,
    ...(typeof options === "number" ? { timeout: options } : options),
  });
