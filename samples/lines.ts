import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";

/** A running program whose output is read line by line. */
export interface Program {
  /** Everything it has printed so far. */
  readonly lines: readonly string[];
  /** Resolves with the first line, printed or to come, that `wanted` accepts. Rejects when the program ends before. */
  line(wanted: (line: string) => boolean): Promise<string>;
  /** Resolves with the exit code, `null` if a signal ended it. */
  readonly ended: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
}

export interface ProgramOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Called with each line of its output. */
  readonly echo?: (line: string) => void;
}

/** Starts `node` with `args`. What it writes to its error stream is passed on to ours. */
export function startProgram(args: readonly string[], options: ProgramOptions = {}): Program {
  const child = spawn(process.execPath, args, {
    env: options.env ?? process.env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const look of waiting) look();
  };
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    options.echo?.(line);
    wake();
  });
  const ended = endOf(child).finally(() => setImmediate(wake));
  return {
    lines,
    ended,
    line: (wanted) => firstLine(lines, wanted, waiting, ended),
    kill: (signal) => child.kill(signal),
  };
}

async function endOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    // "close" and not "exit": by then every line has been read.
    child.once("close", resolve);
  });
}

async function firstLine(
  lines: readonly string[],
  wanted: (line: string) => boolean,
  waiting: Set<() => void>,
  ended: Promise<number | null>,
): Promise<string> {
  const { promise, resolve, reject } = withResolvers<string>();
  const look = (): void => {
    const found = lines.find(wanted);
    if (found !== undefined) resolve(found);
  };
  waiting.add(look);
  look();
  ended.then(
    (code) => {
      look();
      reject(new Error(`the program ended with ${code ?? "a signal"} before the awaited line`));
    },
    (error: unknown) => reject(error as Error),
  );
  try {
    return await promise;
  } finally {
    waiting.delete(look);
  }
}

interface Resolvers<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

function withResolvers<T>(): Resolvers<T> {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** Rejects after `seconds` if `work` has not ended; says what was awaited. */
export async function within<T>(seconds: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`waited ${seconds} s in vain for ${what}`)),
      seconds * 1000,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
