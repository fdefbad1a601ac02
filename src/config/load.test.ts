import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { ConfigError } from "./config-error.ts";
import { maxConfigFileSize } from "./file.ts";
import { loadConfig } from "./load.ts";
import { camelCase, environmentName, flagName } from "./names.ts";
import { settingHelp, settingNames } from "./schema.ts";

const directory = mkdtempSync(path.join(os.tmpdir(), "twinhub-config-"));
afterAll(() => {
  rmSync(directory, { recursive: true });
});

function yaml(text: string): string {
  const file = path.join(directory, "hub.yaml");
  writeFileSync(file, text);
  return file;
}

function load(
  flags: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string>> = {},
) {
  return loadConfig({ flags, environment, directory: "/base" });
}

function refusal(
  flags: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string>> = {},
): string {
  try {
    load(flags, environment);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message;
  }
  throw new Error("it was accepted");
}

describe("the configuration", () => {
  it("has a safe default for everything", () => {
    expect(load({})).toEqual({
      hub: {
        dataDir: "/base/data",
        hostNames: [],
        listen: "127.0.0.1",
        httpsPort: 443,
        mqttsPort: 8883,
        amqpsPort: 5671,
        partitions: 4,
        deviceCaFiles: [],
        logLevel: "warn",
        drainSeconds: 0,
        durability: "disk",
        sasGraceSeconds: 600,
        faultInjection: true,
        queryDialect: "extended",
        jobConcurrency: 10,
        strangers: {
          handshakeSeconds: 60,
          signInSeconds: 60,
          headersSeconds: 10,
          bodySeconds: 30,
          connections: 100_000,
          connectionsPerAddress: 20_000,
          strangers: 10_000,
          strangersPerAddress: 4_096,
          failures: 10,
        },
        fileUpload: true,
        fileNotifications: true,
      },
      output: "text",
    });
  });

  it("takes the flag before the variable, the variable before the file, the file before the default", () => {
    const config = yaml("httpsPort: 1\nmqtts-port: 1\namqpsPort: 1\n");
    const { hub } = load(
      { config, httpsPort: "3" },
      { TWINHUB_HTTPS_PORT: "2", TWINHUB_MQTTS_PORT: "2" },
    );

    expect([hub.httpsPort, hub.mqttsPort, hub.amqpsPort, hub.partitions]).toEqual([3, 2, 1, 4]);
  });

  it("reads the file that TWINHUB_CONFIG names, unless a flag names another", () => {
    const config = yaml("partitions: 8");

    expect(load({}, { TWINHUB_CONFIG: config }).hub.partitions).toBe(8);
    expect(refusal({ config: "/nowhere" }, { TWINHUB_CONFIG: config })).toBe(
      "The configuration file /nowhere does not exist",
    );
  });

  it("reads every setting from each of the three places under one name", () => {
    const values = {
      data: "/d",
      hostName: "a.test",
      listen: "127.9.9.9",
      httpsPort: "1",
      mqttsPort: "2",
      amqpsPort: "3",
      partitions: "5",
      deviceCa: "/ca.pem",
      tlsCert: "/c.pem",
      tlsKey: "/k.pem",
      logLevel: "warn",
      metrics: "127.0.0.9:9464",
      drain: "5",
      durability: "os",
      sasGrace: "7",
      faultInjection: "false",
      queryDialect: "strict",
      jobConcurrency: "20",
      throttle: "observe-F1",
      throttleUnits: "2",
      throttleLimits: "telemetry=5/s",
      throttleBurst: "0",
      handshakeTimeout: "5",
      signInTimeout: "6",
      headersTimeout: "7",
      bodyTimeout: "8",
      maxConnections: "100",
      maxConnectionsPerAddress: "90",
      maxStrangers: "80",
      maxStrangersPerAddress: "70",
      maxFailedLogins: "3",
      fileUpload: "false",
      fileNotifications: "false",
      storageConnectionString: "AccountName=a1;AccountKey=c2VjcmV0",
      storageContainer: "plant-7",
      transferOrigin: "https://plant.blob.core.windows.net",
      memory: "false",
      output: "json",
    };
    expect(Object.keys(values).sort()).toEqual([...settingNames].sort());
    const entries = Object.entries(values);

    const byFlags = load({ ...values, hostName: ["a.test"], deviceCa: ["/ca.pem"] });
    const byVariables = load(
      {},
      Object.fromEntries(entries.map(([name, value]) => [environmentName(name), value])),
    );
    const camel = yaml(entries.map(([name, value]) => `${name}: ${value}`).join("\n"));
    const byCamelCase = load({ config: camel });
    const kebab = yaml(
      entries.map(([name, value]) => `${flagName(name).slice(2)}: ${value}`).join("\n"),
    );

    expect(byFlags.hub).toMatchObject({ dataDir: "/d", httpsPort: 1, sasGraceSeconds: 7 });
    expect(byFlags.output).toBe("json");
    expect(byVariables).toEqual(byFlags);
    expect(byCamelCase).toEqual(byFlags);
    expect(load({ config: kebab })).toEqual(byFlags);
  });

  it("reads the storage account, in which files go to 'uploads' unless told otherwise", () => {
    const storageConnectionString = "AccountName=a1;AccountKey=c2VjcmV0";
    const blobEndpoint = "https://a1.blob.core.windows.net";
    const account = { accountName: "a1", accountKey: "c2VjcmV0", blobEndpoint };
    const { storage } = load({ storageConnectionString }).hub;
    expect(storage).toEqual({ ...account, containerName: "uploads" });
    expect(refusal({ storageContainer: "c-1" })).toBe(
      "--storage-container needs --storage-connection-string too",
    );
    expect(refusal({ storageConnectionString, storageContainer: "No/Good" })).toMatch(
      /^--storage-container must be 3 to 63/,
    );
    expect(refusal({ storageConnectionString: "AccountKey=c2VjcmV0" })).not.toContain("c2VjcmV0");
  });

  it("takes lists repeated as flags, with commas in variables, as lists in the file", () => {
    const names = ["a.test", "10.0.0.1"];

    expect(load({ hostName: names }).hub.hostNames).toEqual(names);
    expect(load({}, { TWINHUB_HOST_NAME: "a.test, 10.0.0.1" }).hub.hostNames).toEqual(names);
    expect(load({ config: yaml("hostName: [a.test, 10.0.0.1]") }).hub.hostNames).toEqual(names);
    expect(load({ hostName: ["b.test"] }, { TWINHUB_HOST_NAME: "a.test" }).hub.hostNames).toEqual([
      "b.test",
    ]);
  });

  it.each([
    ["9464", { host: "127.0.0.1", port: 9464 }],
    [":9464", { host: "127.0.0.1", port: 9464 }],
    ["0.0.0.0:9464", { host: "0.0.0.0", port: 9464 }],
    ["[::1]:0", { host: "::1", port: 0 }],
    ["node.test:1", { host: "node.test", port: 1 }],
  ])("serves metrics at %s on the loopback unless a host is named", (metrics, address) => {
    expect(load({ metrics }).hub.metrics).toEqual(address);
    expect(load({}).hub.metrics).toBeUndefined();
  });

  it("keeps nothing on disk with --memory, wherever the data directory was named", () => {
    expect(load({ memory: true }, { TWINHUB_DATA: "/d" }).hub.dataDir).toBeNull();
    expect(load({ memory: false }, { TWINHUB_MEMORY: "true" }).hub.dataDir).toBe("/base/data");
  });

  it("cannot be changed afterwards", () => {
    const { hub } = load({ hostName: ["a.test"] });

    expect(Object.isFrozen(hub)).toBe(true);
    expect(Object.isFrozen(hub.hostNames)).toBe(true);
    expect(Object.isFrozen(hub.deviceCaFiles)).toBe(true);
  });

  it("reads an empty file and empty entries as nothing", () => {
    expect(load({ config: yaml("# nothing\n") })).toEqual(load({}));
    expect(load({ config: yaml("httpsPort:\n") }, { TWINHUB_LISTEN: "" })).toEqual(load({}));
  });
});

describe("a setting that is refused", () => {
  it("is named as it was given when it is unknown", () => {
    expect(refusal({ htpsPort: "1" })).toBe(
      "Unknown setting: --htpsPort, did you mean --https-port?",
    );
    expect(refusal({}, { TWINHUB_HTPS_PORT: "1" })).toBe(
      "Unknown setting: environment variable TWINHUB_HTPS_PORT, did you mean TWINHUB_HTTPS_PORT?",
    );
    const config = yaml("https-prot: 1");
    expect(refusal({ config })).toBe(
      `Unknown setting: key 'https-prot' in ${config}, did you mean httpsPort?`,
    );
    expect(refusal({ config: yaml("colour: red") })).toMatch(/key 'colour' in .*hub\.yaml$/);
    expect(refusal({ config: yaml("__proto__: 1") })).toMatch(/key '__proto__'/);
  });

  it.each([
    [{ httpsPort: "65536" }, "--https-port must be a whole number from 0 to 65535"],
    [{ httpsPort: "-1" }, "--https-port must be a whole number from 0 to 65535"],
    [{ mqttsPort: "8883x" }, "--mqtts-port must be a whole number from 0 to 65535"],
    [{ amqpsPort: "" }, "--amqps-port must be a whole number from 0 to 65535"],
    [{ partitions: "0" }, "--partitions must be a whole number from 1 to 32"],
    [{ partitions: "33" }, "--partitions must be a whole number from 1 to 32"],
    [{ sasGrace: "86401" }, "--sas-grace must be a whole number from 0 to 86400"],
    [{ metrics: "elsewhere" }, "--metrics must be a port or host:port"],
    [{ metrics: "127.0.0.1:70000" }, "--metrics must be a port or host:port"],
    [{ drain: "3601" }, "--drain must be a whole number from 0 to 3600"],
    [{ durability: "none" }, "--durability must be disk or os"],
    [{ logLevel: "loud" }, "--log-level must be debug or info or warn or error or silent"],
    [{ output: "xml" }, "--output must be json or text"],
    [{ memory: "perhaps" }, "--memory must be true or false"],
    [{ data: "" }, "--data must not be empty"],
    [
      { hostName: ["hub.test:443"] },
      "--host-name must be a host name or an IP address, without scheme and port",
    ],
    [
      { listen: "https://x" },
      "--listen must be a host name or an IP address, without scheme and port",
    ],
    [{ hostName: Array.from({ length: 51 }, () => "a") }, "--host-name has more than 50 entries"],
    [{ tlsCert: "c.pem" }, "--tls-cert needs --tls-key too"],
    [{ tlsKey: "k.pem" }, "--tls-key needs --tls-cert too"],
  ])("says what it may be: %j", (flags, message) => {
    expect(refusal(flags)).toBe(message);
  });

  it("is named by its place in the file or environment", () => {
    const config = yaml("mqttsPort: 1.5");
    expect(refusal({ config })).toBe(
      `'mqttsPort' in ${config} must be a whole number from 0 to 65535`,
    );
    expect(refusal({}, { TWINHUB_PARTITIONS: "many" })).toBe(
      "TWINHUB_PARTITIONS must be a whole number from 1 to 32",
    );
  });

  it("stands twice in the file", () => {
    expect(refusal({ config: yaml("httpsPort: 1\nhttps-port: 2") })).toMatch(
      /^'https-port' stands twice in/,
    );
  });
});

describe("a file that cannot be used", () => {
  it("is refused with one line", () => {
    expect(refusal({ config: yaml("- a\n- b") })).toMatch(/must hold 'name: value' lines$/);
    const broken = refusal({ config: yaml("a: [1\nb: 2") });
    expect(broken).toMatch(/hub\.yaml is not valid YAML: .* at line \d/);
    expect(broken).not.toContain("\n");
    expect(refusal({ config: directory })).toMatch(/cannot be read \(EISDIR\)/);
    expect(refusal({ config: yaml("#".repeat(maxConfigFileSize + 1)) })).toMatch(/is larger than/);
  });
});

describe("variables that others set", () => {
  it("of a Kubernetes service beside us, and of our own command line, are no settings", () => {
    const environment = {
      TWINHUB_SERVICE_HOST: "10.0.0.1",
      TWINHUB_SERVICE_PORT_HTTPS: "443",
      TWINHUB_PORT: "tcp://10.0.0.1:443",
      TWINHUB_PORT_443_TCP_ADDR: "10.0.0.1",
      TWINHUB_MQTT_SERVICE_PORT: "8883",
      TWINHUB_CA_FILE: "/ca.pem",
      OTHER_HTTPS_PORT: "1",
    };

    expect(load({}, environment)).toEqual(load({}));
  });
});

describe("the name of a setting", () => {
  it("is the same words in each place, and each setting is explained", () => {
    fc.assert(
      fc.property(fc.constantFrom(...settingNames), (name) => {
        expect(camelCase(flagName(name).slice(2))).toBe(name);
        expect(environmentName(name)).toBe(
          `TWINHUB_${flagName(name).slice(2).toUpperCase().replaceAll("-", "_")}`,
        );
        expect(settingHelp[name].text).not.toBe("");
      }),
    );
  });
});
