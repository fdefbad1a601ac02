/** How long the runs in `npm test` are. */
const usualInputs = 20_000;
const usualSeed = 20_261;

export interface FuzzSettings {
  readonly inputs: number;
  readonly seed: number;
  /** For the test: ten inputs a second at the least, on a machine that is busy with other things, and a minute to start. Milliseconds. */
  readonly timeout: number;
}

/** Of this run: those that `npm run fuzz` has set, or those of `npm test`. */
export function fuzzSettings(): FuzzSettings {
  const inputs = Number(process.env["FUZZ_INPUTS"] ?? usualInputs);
  const seed = Number(process.env["FUZZ_SEED"] ?? usualSeed);
  return { inputs, seed, timeout: 60_000 + inputs * 100 };
}
