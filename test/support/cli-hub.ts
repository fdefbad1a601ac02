import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect } from "vitest";
import { run } from "../../src/cli/run.ts";
import { type TestHub, startHub } from "../../src/testing/start-hub.ts";

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

  /** Runs a command to its end. */
  async twinhub(
    ...args: readonly string[]
  ): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
    let out = "";
    let err = "";
    const code = await run(args, {
      out: (text) => (out += text),
      err: (text) => (err += text),
      environment: {
        IOTHUB_CONNECTION_STRING: this.hub.connectionString,
        TWINHUB_HTTPS_PORT: String(this.hub.ports.https),
        TWINHUB_CA_FILE: path.join(this.directory, "ca.pem"),
      },
      directory: this.directory,
      now: () => this.hub.clock.now(),
      untilStopped: () => Promise.resolve(),
    });
    return { code, out, err };
  }

  /** The command's JSON; fails if the command did. */
  // oxlint-disable-next-line typescript/no-explicit-any -- a test reads what it expects
  async json(...args: readonly string[]): Promise<any> {
    const { code, out, err } = await this.twinhub(...args);
    expect([code, err]).toEqual([0, ""]);
    return out === "" ? undefined : JSON.parse(out);
  }

  async stop(): Promise<void> {
    await this.hub.stop();
    rmSync(this.directory, { recursive: true });
  }
}
