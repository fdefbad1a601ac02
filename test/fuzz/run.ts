import { readdirSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises";
import { keepInput, readCorpus } from "./corpus.ts";
import { type Fuzzer, upkeepEvery } from "./fuzzer.ts";
import { randomOf } from "./random.ts";
import { heldMemory } from "../support/memory.ts";
import type { FuzzSettings } from "./settings.ts";

/** Between two requests of the honest client, in milliseconds. */
const honestPause = 20;
/** After so many faults a run ends. */
const maxFaults = 5;
/** Of inputs that are suspected of a fault behind their back. */
const remembered = 64;

export interface FuzzReport {
  readonly inputs: number;
  readonly perSecond: number;
  /** What went wrong, with the file in which its input is kept. */
  readonly faults: readonly string[];
  /** Latencies of the honest client in milliseconds. */
  readonly honest: { readonly requests: number; readonly p99: number; readonly longest: number };
  /** Bytes in heap and buffers that stayed, after a collection. */
  readonly grown: number;
  /** File descriptors that stayed. */
  readonly descriptors: number;
}

/** Runs the corpus, then `inputs` new inputs; stops the fuzzer at the end. */
export async function runFuzzer(fuzzer: Fuzzer, settings: FuzzSettings): Promise<FuzzReport> {
  const watch = new FaultWatch(fuzzer);
  const descriptors = openDescriptors();
  const honest = new HonestClient(fuzzer);
  const running = honest.run();
  for (const input of readCorpus(fuzzer.name).values()) await watch.attempt(input);
  // What is made once, such as compiled code and caches, is no leak.
  const warm = Math.min(1_000, Math.ceil(settings.inputs / 4));
  await attemptRange(fuzzer, watch, settings.seed, 0, warm);
  await fuzzer.upkeep?.();
  const before = heldMemory();
  const started = performance.now();
  await attemptRange(fuzzer, watch, settings.seed, warm, settings.inputs);
  const seconds = (performance.now() - started) / 1000;
  await fuzzer.upkeep?.();
  const grown = heldMemory() - before;
  honest.stop();
  await running;
  await nextTurn();
  await watch.end();
  const left = (await fuzzer.stop?.()) ?? [];
  return {
    inputs: settings.inputs,
    perSecond: Math.round((settings.inputs - warm) / seconds),
    faults: [...watch.faults, ...honest.faults, ...left],
    honest: honest.report(),
    grown,
    descriptors: openDescriptors() - descriptors,
  };
}

async function attemptRange(
  fuzzer: Fuzzer,
  watch: FaultWatch,
  seed: number,
  from: number,
  to: number,
): Promise<void> {
  for (let first = from; first < to && !watch.full; first += upkeepEvery) {
    let next = first;
    const end = Math.min(to, first + upkeepEvery);
    const worker = async (): Promise<void> => {
      while (next < end && !watch.full) {
        const input = next++;
        await watch.attempt(fuzzer.make(randomOf(seed, input), input));
      }
    };
    await Promise.all(Array.from({ length: fuzzer.atATime }, worker));
    await fuzzer.upkeep?.();
  }
}

/** Finds out which input has done what. */
class FaultWatch {
  readonly faults: string[] = [];
  readonly #fuzzer: Fuzzer;
  readonly #recent: Buffer[] = [];
  readonly #uncaught: string[] = [];
  #searching: Promise<void> = Promise.resolve();
  readonly #note = (error: unknown): void => {
    this.#uncaught.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  };

  constructor(fuzzer: Fuzzer) {
    this.#fuzzer = fuzzer;
    process.on("uncaughtException", this.#note);
    process.on("unhandledRejection", this.#note);
  }

  get full(): boolean {
    return this.faults.length >= maxFaults;
  }

  async end(): Promise<void> {
    await this.#blame(this.#behind());
    process.off("uncaughtException", this.#note);
    process.off("unhandledRejection", this.#note);
  }

  async attempt(input: Buffer): Promise<void> {
    await this.#searching;
    this.#recent.push(input);
    if (this.#recent.length > remembered) this.#recent.shift();
    const wrong = await this.#fuzzer.attempt(input);
    if (wrong !== undefined) this.#keep(wrong, [input]);
    const behind = this.#behind();
    if (behind.length > 0 && !this.full) this.#searching = this.#blame(behind);
  }

  #behind(): string[] {
    return [...this.#uncaught.splice(0), ...(this.#fuzzer.problems?.() ?? [])];
  }

  /** Tries the last inputs once more, one by one, to find the one that did it. */
  async #blame(behind: readonly string[]): Promise<void> {
    if (behind.length === 0) return;
    const suspects = [...this.#recent];
    const guilty: Buffer[] = [];
    for (const suspect of suspects) {
      await this.#fuzzer.attempt(suspect);
      if (this.#behind().length > 0) guilty.push(suspect);
    }
    for (const wrong of behind) this.#keep(wrong, guilty.length > 0 ? guilty : suspects);
  }

  #keep(wrong: string, suspects: readonly Buffer[]): void {
    if (this.full) return;
    const files = suspects.map((input) => keepInput(this.#fuzzer.name, input));
    const shown = files.length > 3 ? `one of ${files.length}, last ${files.at(-1)}` : files.join();
    this.faults.push(`${wrong} (${shown})`);
  }
}

/** Works beside the hostile ones and measures how long it has to wait. */
class HonestClient {
  readonly faults: string[] = [];
  readonly #fuzzer: Fuzzer;
  readonly #latencies: number[] = [];
  #state: "running" | "stopped" = "running";

  constructor(fuzzer: Fuzzer) {
    this.#fuzzer = fuzzer;
  }

  stop(): void {
    this.#state = "stopped";
  }

  async run(): Promise<void> {
    const { honest } = this.#fuzzer;
    if (honest === undefined) return;
    while (this.#state === "running") {
      const started = performance.now();
      try {
        await honest();
      } catch (error) {
        this.faults.push(`the honest client was harmed: ${String(error)}`);
        return;
      }
      this.#latencies.push(performance.now() - started);
      await pause(honestPause);
    }
  }

  report(): FuzzReport["honest"] {
    const sorted = this.#latencies.toSorted((a, b) => a - b);
    const at = (share: number): number =>
      Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
    return { requests: sorted.length, p99: at(0.99), longest: at(1) };
  }
}

/** Of this process; none where the system does not tell. */
function openDescriptors(): number {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return 0;
  }
}
