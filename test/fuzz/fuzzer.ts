import type { Random } from "./random.ts";

/** What a run changes, and what has to stay true meanwhile. */
export interface Fuzzer {
  /** Names the folder of its corpus. */
  readonly name: string;
  /** The input number `input` of a run. */
  make(random: Random, input: number): Buffer;
  /** Gives one input to the hub; resolves, when all is over, with what is wrong, if anything. */
  attempt(input: Buffer): Promise<string | undefined>;
  /** Inputs that are under way at the same time. */
  readonly atATime: number;
  /** One request of an honest client that is connected all the time; rejects if it is harmed. */
  honest?(this: void): Promise<void>;
  /** Puts back what inputs may rightly have changed; called every `upkeepEvery` inputs with none under way. */
  upkeep?(): Promise<void>;
  /** What has gone wrong behind the attempts since the last call, such as errors in the log. */
  problems?(): readonly string[];
  /** Ends everything; resolves with what was left open. */
  stop?(): Promise<readonly string[]>;
}

/** Inputs between two calls of `upkeep`. */
export const upkeepEvery = 500;
