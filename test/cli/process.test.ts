import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterEach, describe, expect, it } from "vitest";

// What a person installs and runs: the compiled command line, in processes of its own.
const main = path.join(import.meta.dirname, "..", "..", "dist", "cli", "main.js");
const anyPorts = ["--https-port", "0", "--mqtts-port", "0", "--amqps-port", "0"];

const directories: string[] = [];
const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    // It may write into its directory until it has ended.
    await ended;
  }
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

function newDirectory(): string {
  const directory = mkdtempSync(path.join(os.tmpdir(), "twinhub-process-"));
  directories.push(directory);
  return directory;
}

function twinhub(directory: string, ...args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [main, ...args], {
    cwd: directory,
    env: { PATH: process.env["PATH"] },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  return child;
}

interface Outcome {
  readonly code: number | null;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
}

function outcome(child: ChildProcess): Promise<Outcome> {
  let out = "";
  let err = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    err += chunk.toString();
  });
  return new Promise((resolve) => {
    child.on("close", (code, signal) => resolve({ code, signal, out, err }));
  });
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error("no standard output");
  for await (const line of createInterface({ input: child.stdout })) return line;
  throw new Error("it ended without a line");
}

describe("the twinhub process", () => {
  it.each(["SIGTERM", "SIGINT"] as const)(
    "starts, serves the commands of other processes, and ends with 0 on %s",
    async (signal) => {
      const directory = newDirectory();
      const hub = twinhub(directory, "start", ...anyPorts, "--output", "json");
      const ended = new Promise((resolve) => {
        hub.on("exit", (code, by) => resolve({ code, by }));
      });
      const ready: unknown = JSON.parse(await firstLine(hub));

      const device = await outcome(twinhub(directory, "device-identity", "create", "-d", "d1"));
      const module = await outcome(
        twinhub(directory, "module-identity", "create", "-d", "d1", "-m", "m1"),
      );
      const twin = await outcome(twinhub(directory, "module-twin", "show", "-d", "d1", "-m", "m1"));
      hub.kill(signal);

      expect(ready).toMatchObject({ hostName: "127.0.0.1", dataDir: path.join(directory, "data") });
      expect(device).toMatchObject({ code: 0, err: "" });
      expect(module).toMatchObject({ code: 0, err: "" });
      expect(JSON.parse(twin.out)).toMatchObject({ deviceId: "d1", moduleId: "m1" });
      expect(await ended).toEqual({ code: 0, by: null });
    },
  );

  it("prints one line and ends with 1 when it cannot start, and with 2 when it is called wrongly", async () => {
    const directory = newDirectory();

    const failed = await outcome(
      twinhub(directory, "start", "--memory", ...anyPorts, "--listen", "192.0.2.1"),
    );
    const wrong = await outcome(twinhub(directory, "start", "--http-port", "1"));
    const unreachable = await outcome(twinhub(directory, "device-identity", "list"));

    const lastLine = (text: string): string | undefined => text.trimEnd().split("\n").at(-1);
    expect(failed).toMatchObject({ code: 1, out: "" });
    expect(lastLine(failed.err)).toMatch(/^error: This machine has no address 192\.0\.2\.1/);
    expect(wrong).toMatchObject({ code: 2, out: "" });
    expect(wrong.err).toContain("--https-port");
    expect(unreachable).toMatchObject({ code: 1, out: "" });
    expect(unreachable.err).toMatch(/^error: No hub is known: [^\n]+\n$/);
    for (const { err } of [failed, wrong, unreachable]) expect(err).not.toMatch(/^ +at /m);
  });

  it("can be executed as it is installed", () => {
    expect(statSync(main).mode & 0o111).toBe(0o111);
  });
});
