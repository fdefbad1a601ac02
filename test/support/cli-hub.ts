import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect } from "vitest";
import { run } from "../../src/cli/run.ts";
import { type TestHub, startHub } from "../../src/testing/start-hub.ts";

type Variables = Readonly<Record<string, string>>;

/** A command line that runs in this process. */
export class RunningCommand {
  /** The exit code. */
  readonly done: Promise<number>;
  /** What it has printed, by and by. */
  readonly texts: string[] = [];
  err = "";
  /** As Ctrl-C does. */
  stop = (): void => undefined;

  constructor(args: readonly string[], environment: Variables, { hub, directory }: CliHub) {
    const stopped = new Promise<void>((resolve) => (this.stop = resolve));
    this.done = run(args, {
      out: (text) => void this.texts.push(text),
      err: (text) => (this.err += text),
      environment,
      directory,
      now: () => hub.clock.now(),
      untilStopped: () => stopped,
    });
  }

  get out(): string {
    return this.texts.join("");
  }
}

/** How a command ended. */
export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A hub, and the command line as its owner uses it. */
export class CliHub {
  readonly hub: TestHub;
  readonly directory = mkdtempSync(path.join(tmpdir(), "twinhub-cli-"));

  private constructor(hub: TestHub) {
    this.hub = hub;
    writeFileSync(path.join(this.directory, "ca.pem"), hub.caPem);
  }

  static async start(): Promise<CliHub> {
    return new CliHub(await startHub());
  }

  /** What leads commands to this hub. */
  get variables(): Variables {
    return {
      IOTHUB_CONNECTION_STRING: this.hub.connectionString,
      TWINHUB_HTTPS_PORT: String(this.hub.ports.https),
      TWINHUB_AMQPS_PORT: String(this.hub.ports.amqps),
      TWINHUB_CA_FILE: path.join(this.directory, "ca.pem"),
    };
  }

  /** Starts a command, for one that goes on until it is stopped. */
  start(args: readonly string[], environment = this.variables): RunningCommand {
    return new RunningCommand(args, environment, this);
  }

  /** Runs a command to its end; one that would go on is stopped at once. */
  async run(args: readonly string[], environment = this.variables): Promise<Outcome> {
    const running = this.start(args, environment);
    running.stop();
    const code = await running.done;
    return { code, out: running.out, err: running.err };
  }

  /** The same with this hub's variables. */
  twinhub(...args: readonly string[]): Promise<Outcome> {
    return this.run(args);
  }

  /** The command's JSON, null if it prints nothing; fails if the command did. */
  // oxlint-disable-next-line typescript/no-explicit-any -- a test reads what it expects
  async json(...args: readonly string[]): Promise<any> {
    const running = this.start(args);
    expect([await running.done, running.err]).toEqual([0, ""]);
    return running.out === "" ? null : JSON.parse(running.out);
  }

  async stop(): Promise<void> {
    await this.hub.stop();
    rmSync(this.directory, { recursive: true });
  }
}
