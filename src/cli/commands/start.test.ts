import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type AddressInfo, type Server, createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { run } from "../run.ts";

const anyPorts = ["--https-port", "0", "--mqtts-port", "0", "--amqps-port", "0"];
const quiet = ["--log-level", "silent"];

const directories: string[] = [];

afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

function newDirectory(): string {
  const directory = mkdtempSync(path.join(os.tmpdir(), "twinhub-start-"));
  directories.push(directory);
  return directory;
}

interface Started {
  /** What it printed when it was ready. */
  readonly out: string;
  /** Runs another command line meanwhile. */
  command(...args: readonly string[]): Promise<{ code: number; out: string; err: string }>;
  /** Asks it to end, as a signal does; resolves with the exit code. */
  stop(): Promise<number>;
}

function start(directory: string, ...args: readonly string[]): Promise<Started> {
  let stop: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  return new Promise((resolve, reject) => {
    let err = "";
    const ended = run(["start", ...quiet, ...args], {
      out: (out) =>
        resolve({
          out,
          command: (...more) => command(directory, ...more),
          stop: () => {
            stop();
            return ended;
          },
        }),
      err: (text) => {
        err += text;
      },
      environment: {},
      directory,
      now: Date.now,
      untilStopped: () => stopped,
    });
    ended.then((code) => reject(new Error(`exit code ${code}: ${err}`)), reject);
  });
}

async function command(
  directory: string,
  ...args: readonly string[]
): Promise<{ code: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const code = await run(args, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    environment: {},
    directory,
    now: Date.now,
    untilStopped: () => Promise.resolve(),
  });
  return { code, out, err };
}

describe("twinhub start", () => {
  it("prints what a person needs, and the commands beside it find the hub by its file", async () => {
    const directory = newDirectory();
    const hub = await start(directory, ...anyPorts, "--host-name", "localhost");

    const made = await hub.command("device-identity", "create", "-d", "d1");
    const env = await hub.command("env", "-d", "d1", "-o", "json");
    const code = await hub.stop();

    expect(made).toMatchObject({ code: 0, err: "" });
    expect(hub.out).toMatch(/^ +Host name +localhost$/m);
    expect(hub.out).toMatch(/^ +Ports +HTTPS \d+, MQTT \d+/m);
    expect(hub.out).toMatch(
      /^ +Connection string +HostName=localhost;SharedAccessKeyName=iothubowner;SharedAccessKey=\S{44}$/m,
    );
    expect(hub.out).toContain(
      `CA certificate     ${path.join(directory, "data", "tls", "ca.pem")}`,
    );
    expect(hub.out).toMatch(/\nNext: +twinhub device-identity create --device-id d1\n$/);
    expect(JSON.parse(env.out)).toMatchObject({
      NODE_EXTRA_CA_CERTS: path.join(directory, "data", "tls", "ca.pem"),
    });
    expect(code).toBe(0);
  });

  it("writes hub.json for its owner only", async () => {
    const directory = newDirectory();
    const hub = await start(directory, ...anyPorts, "--data", "here", "-o", "json");
    const file = path.join(directory, "here", "hub.json");
    const printed: unknown = JSON.parse(hub.out);
    const found: unknown = JSON.parse(readFileSync(file, "utf8"));
    await hub.stop();

    expect((statSync(file).mode & 0o777).toString(8)).toBe("600");
    const { connectionString, hostName, httpsPort, caFile } = found as Record<string, unknown>;
    expect(printed).toMatchObject({
      connectionString,
      hostName,
      caFile,
      ports: { https: httpsPort },
    });
  });

  it("prints one line of JSON with everything a script needs", async () => {
    const directory = newDirectory();
    const hub = await start(directory, ...anyPorts, "--output", "json");
    await hub.stop();

    expect(hub.out.indexOf("\n")).toBe(hub.out.length - 1);
    const printed = JSON.parse(hub.out) as Record<string, Record<string, unknown>>;
    expect(Object.keys(printed).sort()).toEqual([
      "caFile",
      "connectionString",
      "connectionStrings",
      "dataDir",
      "eventHubConnectionString",
      "hostName",
      "portalUrl",
      "ports",
    ]);
    expect(printed["dataDir"]).toBe(path.join(directory, "data"));
    expect(printed["connectionString"]).toBe(printed["connectionStrings"]?.["iothubowner"]);
    expect(Object.keys(printed["ports"] ?? {}).sort()).toEqual(["amqps", "https", "mqtts"]);
  });

  it("tells where metrics are served without authentication, if it was asked to serve them", async () => {
    const directory = newDirectory();
    const metrics = ["--metrics", "127.0.0.1:0"];
    const hub = await start(directory, ...anyPorts, "--memory", ...metrics, "--output", "json");
    const { metricsUrl } = JSON.parse(hub.out) as { metricsUrl: string };
    expect(metricsUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
    expect(await (await fetch(metricsUrl)).text()).toContain('store="memory"');
    expect(await hub.stop()).toBe(0);
  });

  it("keeps devices, modules and the CA over a restart", async () => {
    const directory = newDirectory();
    const first = await start(directory, ...anyPorts);
    await first.command("device-identity", "create", "-d", "d1");
    await first.command("module-identity", "create", "-d", "d1", "-m", "m1");
    const before = await first.command("module-identity", "show", "-d", "d1", "-m", "m1");
    const ca = readFileSync(path.join(directory, "data", "tls", "ca.pem"), "utf8");
    await first.stop();

    const second = await start(directory, ...anyPorts);
    const after = await second.command("module-identity", "show", "-d", "d1", "-m", "m1");
    await second.stop();

    expect(before.code).toBe(0);
    expect(after).toEqual(before);
    expect(readFileSync(path.join(directory, "data", "tls", "ca.pem"), "utf8")).toBe(ca);
  });

  it("keeps nothing in memory mode, yet can be found until it stops", async () => {
    const directory = newDirectory();
    const hub = await start(directory, ...anyPorts, "--memory");
    const meeting = /--data (\S+)\n$/.exec(hub.out)?.[1] ?? "";

    const made = await hub.command("device-identity", "create", "-d", "d1", "--data", meeting);
    const modes = [meeting, path.join(meeting, "hub.json")].map((file) =>
      (statSync(file).mode & 0o777).toString(8),
    );
    await hub.stop();

    expect(made).toMatchObject({ code: 0, err: "" });
    expect(modes).toEqual(["700", "600"]);
    expect(existsSync(meeting)).toBe(false);
    expect(existsSync(path.join(directory, "data"))).toBe(false);
  });

  it("reads its settings from the file that --config names", async () => {
    const directory = newDirectory();
    writeFileSync(
      path.join(directory, "hub.yaml"),
      "hostName: [localhost]\nhttpsPort: 0\nmqtts-port: 0\namqpsPort: 0\nmemory: true\noutput: json\n",
    );
    const hub = await start(directory, "--config", "hub.yaml");
    await hub.stop();

    expect(JSON.parse(hub.out)).toMatchObject({ hostName: "localhost", dataDir: null });
  });
});

describe("twinhub start that cannot start", () => {
  async function failure(directory: string, ...args: readonly string[]): Promise<string> {
    const outcome = await command(directory, "start", ...quiet, ...args);
    expect(outcome).toMatchObject({ code: 1, out: "" });
    expect(outcome.err).toMatch(/^error: [^\n]+\n$/);
    return outcome.err.slice("error: ".length, -1);
  }

  async function occupied(): Promise<{ server: Server; port: number }> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return { server, port: (server.address() as AddressInfo).port };
  }

  it("names the port that is in use and the flag to change it", async () => {
    const { server, port } = await occupied();

    const https = await failure(
      newDirectory(),
      "--memory",
      "--https-port",
      `${port}`,
      "--mqtts-port",
      "0",
    );
    const mqtts = await failure(
      newDirectory(),
      "--memory",
      "--https-port",
      "0",
      "--mqtts-port",
      `${port}`,
    );
    await new Promise((resolve) => server.close(resolve));

    expect(https).toMatch(
      new RegExp(`^Port ${port} of 127\\.0\\.0\\.1 is in use; .* give --https-port another port`),
    );
    expect(mqtts).toMatch(/give --mqtts-port another port or --listen another address/);
  });

  it("says that the address is not one of this machine", async () => {
    expect(await failure(newDirectory(), "--memory", ...anyPorts, "--listen", "192.0.2.1")).toMatch(
      /^This machine has no address 192\.0\.2\.1; give --listen/,
    );
  });

  it("says what is wrong with the data directory", async () => {
    const directory = newDirectory();
    writeFileSync(path.join(directory, "file"), "");

    expect(await failure(directory, ...anyPorts, "--data", "file")).toContain(
      path.join(directory, "file"),
    );
  });

  it("says that another hub uses the data directory", async () => {
    const directory = newDirectory();
    const hub = await start(directory, ...anyPorts);

    const line = await failure(directory, ...anyPorts);
    await hub.stop();

    expect(line).toMatch(/is in use by process \d+/);
  });

  it("says which certificate file is wrong", async () => {
    expect(
      await failure(
        newDirectory(),
        "--memory",
        ...anyPorts,
        "--tls-cert",
        "none.pem",
        "--tls-key",
        "none.pem",
      ),
    ).toMatch(/none\.pem does not exist$/);
  });
});
