import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CliHub, type Outcome } from "../../test/support/cli-hub.ts";
import type { TestHub } from "../testing/start-hub.ts";
import { parseConnectionString } from "../wire/connection-string.ts";
import { parseSasToken } from "../wire/sas-token.ts";

let cli: CliHub;
let hub: TestHub;
beforeAll(async () => {
  cli = await CliHub.start();
  ({ hub } = cli);
});
afterAll(() => cli.stop());

/** Runs a command line in this process, with the hub of this file in the environment unless told otherwise. */
const twinhub = (
  args: readonly string[],
  environment: Readonly<Record<string, string>> = cli.variables,
): Promise<Outcome> => cli.run(args, environment);

/** The command's JSON; fails if the command did. */
// oxlint-disable-next-line typescript/no-explicit-any -- a test reads what it expects
async function json(...args: readonly string[]): Promise<any> {
  const { code, out, err } = await twinhub(args);
  expect(err).toBe("");
  expect(code).toBe(0);
  return JSON.parse(out);
}

/** The one line on standard error; fails if there are more, or if there is a result. */
async function refusal(code: number, ...args: readonly string[]): Promise<string> {
  const outcome = await twinhub(args);
  expect(outcome).toMatchObject({ code, out: "" });
  expect(outcome.err).toMatch(/^error: [^\n]+\n$/);
  return outcome.err.slice("error: ".length, -1);
}

const device = async (id: string): Promise<string> => {
  await json("device-identity", "create", "--device-id", id);
  return id;
};

const module = async (deviceId: string, moduleId: string): Promise<void> => {
  await json("module-identity", "create", "-d", deviceId, "-m", moduleId);
};

const keyA = Buffer.alloc(32, 1).toString("base64");
const keyB = Buffer.alloc(32, 2).toString("base64");
const thumbprint = "AB".repeat(20);

describe("twinhub device-identity", () => {
  it("creates a device with keys that the hub made, and shows it", async () => {
    const made = await json("device-identity", "create", "-d", "d-made");

    expect(made).toMatchObject({
      deviceId: "d-made",
      status: "enabled",
      authentication: { type: "sas" },
      capabilities: { iotEdge: false },
    });
    expect(Buffer.from(made.authentication.symmetricKey.primaryKey, "base64")).toHaveLength(32);
    expect(await json("device-identity", "show", "-d", "d-made")).toEqual(made);
  });

  it("creates a device as the options of az say", async () => {
    const made = await json(
      "device-identity",
      "create",
      "--device-id",
      "d-options",
      "--am",
      "shared_private_key",
      "--pk",
      keyA,
      "--secondary-key",
      keyB,
      "--ee",
      "--sta",
      "disabled",
      "--star",
      "stolen",
    );

    expect(made).toMatchObject({
      status: "disabled",
      statusReason: "stolen",
      authentication: { type: "sas", symmetricKey: { primaryKey: keyA, secondaryKey: keyB } },
      capabilities: { iotEdge: true },
    });
  });

  it("creates devices that authenticate with certificates", async () => {
    expect(
      await json("device-identity", "create", "-d", "d-self", "--ptp", thumbprint),
    ).toMatchObject({
      authentication: {
        type: "selfSigned",
        x509Thumbprint: { primaryThumbprint: thumbprint, secondaryThumbprint: null },
      },
    });
    expect(
      await json("device-identity", "create", "-d", "d-ca", "--auth-method", "x509_ca"),
    ).toMatchObject({ authentication: { type: "certificateAuthority" } });
  });

  it("lists devices as JSON and as a table, at most --top of them", async () => {
    await device("d-list");
    const all = await json("device-identity", "list");
    const { out } = await twinhub(["device-identity", "list", "-o", "table"]);

    expect(all.map((each: { deviceId: string }) => each.deviceId)).toContain("d-list");
    expect(await json("device-identity", "list", "--top", "1")).toHaveLength(1);
    expect(out).toMatch(/^DEVICE +STATUS +CONNECTION +AUTHENTICATION +EDGE +LAST ACTIVITY\n/);
    expect(out).toMatch(/^d-list +enabled +Disconnected +sas +false +0001-01-01T00:00:00Z$/m);
    expect(out.trimEnd().split("\n")).toHaveLength(all.length + 1);
  });

  it("changes what it is told and keeps the rest", async () => {
    const before = await json("device-identity", "create", "-d", "d-update");

    const after = await json(
      "device-identity",
      "update",
      "-d",
      "d-update",
      "--status",
      "disabled",
      "--ee",
      "true",
      "--set",
      "statusReason=in repair",
    );

    expect(after).toMatchObject({
      status: "disabled",
      statusReason: "in repair",
      capabilities: { iotEdge: true },
      authentication: before.authentication,
      generationId: before.generationId,
    });
    expect(after.etag).not.toBe(before.etag);
  });

  it("changes the way of authenticating and back", async () => {
    await device("d-auth");

    const x509 = await json(
      "device-identity",
      "update",
      "-d",
      "d-auth",
      "--am",
      "x509_thumbprint",
      "--ptp",
      thumbprint,
    );
    const sas = await json(
      "device-identity",
      "update",
      "-d",
      "d-auth",
      "--am",
      "shared_private_key",
    );

    expect(x509.authentication).toMatchObject({
      type: "selfSigned",
      x509Thumbprint: { primaryThumbprint: thumbprint },
    });
    expect(sas.authentication.type).toBe("sas");
    expect(Buffer.from(sas.authentication.symmetricKey.secondaryKey, "base64")).toHaveLength(32);
  });

  it("deletes a device, only with the right etag if one is given", async () => {
    const { etag } = await json("device-identity", "create", "-d", "d-delete");

    expect(
      await refusal(1, "device-identity", "delete", "-d", "d-delete", "--etag", "AAAA"),
    ).toMatch(/^PreconditionFailed \(412001\): .*read it again/);
    expect(await twinhub(["device-identity", "delete", "-d", "d-delete", "-e", etag])).toEqual({
      code: 0,
      out: "",
      err: "",
    });
    expect(await refusal(1, "device-identity", "show", "-d", "d-delete")).toMatch(
      /^DeviceNotFound \(404001\): .*'twinhub device-identity list' shows the devices/,
    );
  });

  it("renews one key or both, and swaps them", async () => {
    const keys = (identity: { authentication: { symmetricKey: object } }): object =>
      identity.authentication.symmetricKey;
    const renew = async (kind: string): Promise<object> =>
      keys(await json("device-identity", "renew-key", "-d", "d-renew", "--kt", kind));
    await json("device-identity", "create", "-d", "d-renew", "--pk", keyA, "--sk", keyB);

    expect(await renew("swap")).toEqual({ primaryKey: keyB, secondaryKey: keyA });
    const primary = await renew("primary");
    expect(primary).toMatchObject({ secondaryKey: keyA });
    expect(primary).not.toMatchObject({ primaryKey: keyB });
    const secondary = await renew("secondary");
    expect(secondary).toMatchObject({ primaryKey: Object.values(primary)[0] });
    expect(secondary).not.toMatchObject({ secondaryKey: keyA });
    const both = await renew("both");
    expect(Object.values(both)).not.toContain(Object.values(secondary)[0]);
    expect(Object.values(both)).not.toContain(Object.values(secondary)[1]);
  });

  it("shows the connection string for each key, and for a certificate", async () => {
    await json("device-identity", "create", "-d", "d-cs", "--pk", keyA, "--sk", keyB);
    await json("device-identity", "create", "-d", "d-cs-ca", "--am", "x509_ca");
    const show = (...args: string[]) =>
      json("device-identity", "connection-string", "show", ...args);

    expect(await show("-d", "d-cs")).toEqual({
      connectionString: `HostName=127.0.0.1;DeviceId=d-cs;SharedAccessKey=${keyA}`,
    });
    expect(await show("-d", "d-cs", "--kt", "secondary")).toEqual({
      connectionString: `HostName=127.0.0.1;DeviceId=d-cs;SharedAccessKey=${keyB}`,
    });
    expect(await show("-d", "d-cs-ca")).toEqual({
      connectionString: "HostName=127.0.0.1;DeviceId=d-cs-ca;x509=true",
    });
  });

  it("addresses ids with every odd character", async () => {
    const id = "a-:.+%_#*?!(),=@$'b";

    await device(id);

    expect(await json("device-identity", "show", "-d", id)).toMatchObject({ deviceId: id });
  });
});

describe("twinhub module-identity", () => {
  it("creates a module with keys that the hub made, and shows it", async () => {
    await device("m-made");
    const made = await json(
      "module-identity",
      "create",
      "-d",
      "m-made",
      "-m",
      "m1",
      "--managed-by",
      "plant",
    );

    expect(made).toMatchObject({
      deviceId: "m-made",
      moduleId: "m1",
      managedBy: "plant",
      authentication: { type: "sas" },
    });
    expect(made).not.toHaveProperty("status");
    expect(await json("module-identity", "show", "-d", "m-made", "-m", "m1")).toEqual(made);
  });

  it("creates modules that authenticate with certificates", async () => {
    await device("m-x509");

    expect(
      await json("module-identity", "create", "-d", "m-x509", "-m", "a", "--ptp", thumbprint),
    ).toMatchObject({ authentication: { type: "selfSigned" } });
    expect(
      await json("module-identity", "create", "-d", "m-x509", "-m", "b", "--am", "x509_ca"),
    ).toMatchObject({ authentication: { type: "certificateAuthority" } });
  });

  it("lists the modules of a device as JSON and as a table", async () => {
    await device("m-list");
    await module("m-list", "a");
    await module("m-list", "b");
    const { out } = await twinhub(["module-identity", "list", "-d", "m-list", "-o", "table"]);

    expect(
      (await json("module-identity", "list", "-d", "m-list")).map(
        (each: { moduleId: string }) => each.moduleId,
      ),
    ).toEqual(["a", "b"]);
    expect(await json("module-identity", "list", "-d", "m-list", "--top", "1")).toHaveLength(1);
    expect(out).toMatch(/^DEVICE +MODULE +MANAGED BY/);
    expect(out).toMatch(/^m-list +b +- +Disconnected +sas/m);
  });

  it("changes what it is told and keeps the rest", async () => {
    await device("m-update");
    await module("m-update", "m1");
    const before = await json("module-identity", "show", "-d", "m-update", "-m", "m1");

    const after = await json(
      "module-identity",
      "update",
      "-d",
      "m-update",
      "-m",
      "m1",
      "--set",
      "managedBy=plant",
    );

    expect(after).toMatchObject({
      managedBy: "plant",
      authentication: before.authentication,
      generationId: before.generationId,
    });
  });

  it("deletes a module and leaves its device", async () => {
    await device("m-delete");
    await module("m-delete", "m1");

    expect(await twinhub(["module-identity", "delete", "-d", "m-delete", "-m", "m1"])).toEqual({
      code: 0,
      out: "",
      err: "",
    });
    expect(await refusal(1, "module-identity", "show", "-d", "m-delete", "-m", "m1")).toMatch(
      /^ModuleNotFound \(404010\): .*'twinhub module-identity list'/,
    );
    expect(await json("device-identity", "show", "-d", "m-delete")).toBeDefined();
  });

  it("renews one key or both, and swaps them", async () => {
    await device("m-renew");
    await json(
      "module-identity",
      "create",
      "-d",
      "m-renew",
      "-m",
      "m1",
      "--pk",
      keyA,
      "--sk",
      keyB,
    );
    const renew = async (kind: string) =>
      (await json("module-identity", "renew-key", "-d", "m-renew", "-m", "m1", "--kt", kind))
        .authentication.symmetricKey;

    expect(await renew("swap")).toEqual({ primaryKey: keyB, secondaryKey: keyA });
    expect(await renew("primary")).toMatchObject({ secondaryKey: keyA });
    expect((await renew("both")).secondaryKey).not.toBe(keyA);
  });

  it("shows the connection string", async () => {
    await device("m-cs");
    await json("module-identity", "create", "-d", "m-cs", "-m", "m1", "--pk", keyA, "--sk", keyB);

    expect(
      await json("module-identity", "connection-string", "show", "-d", "m-cs", "-m", "m1"),
    ).toEqual({
      connectionString: `HostName=127.0.0.1;DeviceId=m-cs;ModuleId=m1;SharedAccessKey=${keyA}`,
    });
  });

  it("names the device that is missing", async () => {
    expect(await refusal(1, "module-identity", "create", "-d", "nobody", "-m", "m1")).toMatch(
      /^DeviceNotFound \(404001\)/,
    );
  });
});

describe.each([
  ["device-twin", ["-d", "t1"]],
  ["module-twin", ["-d", "t1", "-m", "m1"]],
])("twinhub %s", (group, address) => {
  beforeAll(async () => {
    if ((await twinhub(["device-identity", "create", "-d", "t1"])).code === 0)
      await module("t1", "m1");
  });

  it("merges tags and desired properties from text, files and single paths", async () => {
    writeFileSync(
      path.join(cli.directory, "desired.json"),
      '{"interval": 5, "limits": {"low": 1}}',
    );
    await json(group, "replace", ...address, "-j", '{"tags":{},"properties":{"desired":{}}}');

    await json(
      group,
      "update",
      ...address,
      "--tags",
      '{"site":"north","floor":2}',
      "--desired",
      "@desired.json",
    );
    const twin = await json(
      group,
      "update",
      ...address,
      "--set",
      "tags.floor=null",
      "--set",
      "properties.desired.limits.high=9",
      "--set",
      "tags.room=1a",
    );

    expect(twin.tags).toEqual({ site: "north", room: "1a" });
    expect(twin.properties.desired).toMatchObject({ interval: 5, limits: { low: 1, high: 9 } });
    expect(await json(group, "show", ...address)).toEqual(twin);
  });

  it("replaces tags and desired properties", async () => {
    await json(group, "update", ...address, "--desired", '{"old":1}', "--tags", '{"old":1}');

    const twin = await json(
      group,
      "replace",
      ...address,
      "--json",
      '{"tags":{"new":1},"properties":{"desired":{"new":2}}}',
    );

    expect(twin.tags).toEqual({ new: 1 });
    expect(twin.properties.desired).not.toHaveProperty("old");
    expect(twin.properties.desired.new).toBe(2);
  });

  it("writes only over the given etag", async () => {
    const { etag } = await json(group, "show", ...address);
    const write = [group, "update", ...address, "--set", "tags.by=etag", "--etag"];

    const after = await json(...write, etag);

    expect(after.tags.by).toBe("etag");
    expect(await refusal(1, ...write, etag)).toMatch(/^PreconditionFailed \(412001\)/);
  });

  it("refuses in the hub's words what the hub refuses", async () => {
    expect(await refusal(1, group, "update", ...address, "--tags", '{"a.b":1}')).toMatch(
      /^ArgumentInvalid \(400004\): /,
    );
  });

  it("refuses what makes no sense before it asks the hub", async () => {
    expect(await refusal(2, group, "update", ...address)).toMatch(
      /^Nothing to change: give --tags/,
    );
    expect(await refusal(2, group, "update", ...address, "--tags", "{site:1}")).toMatch(
      /^--tags is not valid JSON \(quote it/,
    );
    expect(await refusal(2, group, "update", ...address, "--desired", "[1]")).toMatch(
      /^--desired must be a JSON object/,
    );
    expect(await refusal(2, group, "replace", ...address, "-j", "@nowhere.json")).toMatch(
      /^--json: .*nowhere\.json cannot be read \(ENOENT\)$/,
    );
    expect(
      await refusal(2, group, "update", ...address, "--set", "properties.reported.a=1"),
    ).toMatch(/^--set of a twin reaches tags and properties\.desired/);
    expect(await refusal(2, group, "update", ...address, "--set", "tags")).toMatch(
      /^--set reads path=value/,
    );
  });
});

describe("twinhub policy", () => {
  it("lists the policies and shows one with its keys", async () => {
    const list = await json("policy", "list");
    const { out } = await twinhub(["policy", "list", "-o", "table"]);
    const owner = await json("policy", "show", "--pn", "iothubowner");

    expect(list.map((each: { name: string }) => each.name).sort()).toEqual([
      "device",
      "iothubowner",
      "registryRead",
      "registryReadWrite",
      "service",
    ]);
    expect(out).toMatch(/^service +ServiceConnect$/m);
    expect(out).toMatch(/^registryReadWrite +RegistryRead, RegistryWrite$/m);
    expect(owner.primaryKey).toBe(parseConnectionString(hub.connectionString).sharedAccessKey);
  });
});

describe("twinhub generate-sas-token", () => {
  const audience = async (...args: readonly string[]): Promise<object> => {
    const seconds = (): number => Math.floor(hub.clock.now() / 1000);
    const before = seconds();
    const token = parseSasToken((await json("generate-sas-token", ...args)).sas);
    // The command runs some time between the two: a slow machine may need seconds for it.
    const slack = seconds() - before;
    const most = token.expiry - before;
    const asked = Number(args[args.indexOf("--du") + 1] ?? 3600) || 3600;
    return {
      resource: decodeURIComponent(token.rawResource),
      seconds: most >= asked && most - slack <= asked ? asked : most,
      policy: token.policy,
    };
  };

  it("makes tokens for the hub, a device and a module", async () => {
    await device("s1");
    await module("s1", "m1");

    expect(await audience()).toEqual({
      resource: "127.0.0.1",
      seconds: 3600,
      policy: "iothubowner",
    });
    expect(await audience("--pn", "service", "--kt", "secondary", "--du", "60")).toEqual({
      resource: "127.0.0.1",
      seconds: 60,
      policy: "service",
    });
    expect(await audience("-d", "s1")).toMatchObject({ resource: "127.0.0.1/devices/s1" });
    expect(await audience("-d", "s1", "-m", "m1")).toMatchObject({
      resource: "127.0.0.1/devices/s1/modules/m1",
    });
  });

  it("makes tokens that the hub accepts as login", async () => {
    const { sas } = await json("generate-sas-token", "--pn", "registryRead", "--kt", "secondary");
    const login = `HostName=127.0.0.1;SharedAccessSignature=${sas}`;

    expect((await twinhub(["device-identity", "show", "-d", "s1", "-l", login])).code).toBe(0);
    expect(await refusal(1, "device-identity", "create", "-d", "x", "-l", login)).toMatch(
      /^IotHubUnauthorizedAccess \(401002\): .*check key and policy/,
    );
  });

  it("refuses what makes no sense", async () => {
    expect(await refusal(2, "generate-sas-token", "-m", "m1")).toBe(
      "--module-id needs --device-id too",
    );
    expect(await refusal(2, "generate-sas-token", "--du", "0")).toMatch(
      /^--duration must be a whole number from 1 to/,
    );
  });
});

describe("twinhub env", () => {
  const lines = async (...args: readonly string[]): Promise<string[]> => {
    const { code, out } = await twinhub(["env", ...args]);
    expect(code).toBe(0);
    return out.trimEnd().split("\n");
  };

  it("prints a module's variables, the pair of 'module client from environment' first", async () => {
    await device("e1");
    await module("e1", "m1");
    const ca = path.join(cli.directory, "ca.pem");
    const { primaryKey } = (await json("module-identity", "show", "-d", "e1", "-m", "m1"))
      .authentication.symmetricKey;
    const own = `HostName=127.0.0.1;DeviceId=e1;ModuleId=m1;SharedAccessKey=${primaryKey}`;

    const printed = await lines("--device", "e1", "--module", "m1");

    expect(printed.map((line) => line.split("=")[0])).toEqual([
      "export EdgeHubConnectionString",
      "export EdgeModuleCACertificateFile",
      "export IOTHUB_MODULE_CONNECTION_STRING",
      "export IOTHUB_DEVICE_CONNECTION_STRING",
      "export IOTHUB_CONNECTION_STRING",
      "export EVENTHUB_CONNECTION_STRING",
      "export TWINHUB_HTTPS_PORT",
      "export NODE_EXTRA_CA_CERTS",
      "export REQUESTS_CA_BUNDLE",
      "export SSL_CERT_FILE",
    ]);
    expect(printed).toContain(`export EdgeHubConnectionString='${own};GatewayHostName=127.0.0.1'`);
    expect(printed).toContain(`export EdgeModuleCACertificateFile='${ca}'`);
    expect(printed).toContain(`export IOTHUB_MODULE_CONNECTION_STRING='${own}'`);
    expect(printed).toContain(`export IOTHUB_CONNECTION_STRING='${hub.connectionString}'`);
  });

  it("prints a device's variables, and without a device the service's", async () => {
    await device("e2");

    const ofDevice = await lines("-d", "e2");
    const ofService = await lines();

    expect(ofDevice[0]).toMatch(
      /^export IOTHUB_DEVICE_CONNECTION_STRING='HostName=127\.0\.0\.1;DeviceId=e2;SharedAccessKey=/,
    );
    expect(ofDevice.join()).not.toContain("EdgeHub");
    expect(ofService[0]).toMatch(/^export IOTHUB_CONNECTION_STRING=/);
  });

  it("prints lines for PowerShell, and JSON", async () => {
    const shell = await lines("--shell", "powershell");
    const variables = await json("env", "-o", "json");

    expect(shell[0]).toBe(`$env:IOTHUB_CONNECTION_STRING = '${hub.connectionString}'`);
    expect(variables).toMatchObject({
      IOTHUB_CONNECTION_STRING: hub.connectionString,
      SSL_CERT_FILE: path.join(cli.directory, "ca.pem"),
    });
  });
});

describe("a command that cannot reach its hub", () => {
  const list = ["device-identity", "list"];

  it("says that none is known", async () => {
    expect((await twinhub(list, {})).err).toBe(
      `error: No hub is known: there is no hub.json in ${path.join(cli.directory, "data")}; start one with 'twinhub start', or give --login or IOTHUB_CONNECTION_STRING\n`,
    );
  });

  it("says that none listens there, and how to name another port", async () => {
    // No system gives this port to somebody who asks for any.
    expect(await refusal(1, ...list, "--https-port", "1")).toMatch(
      /^No hub listens at 127\.0\.0\.1:1; start it with 'twinhub start'/,
    );
  });

  it("says that the CA is not trusted, and how to trust it", async () => {
    const { TWINHUB_CA_FILE: _, ...variables } = cli.variables;

    expect((await twinhub(list, variables)).err).toMatch(
      /is signed by a CA that is not trusted; give the hub's CA with --ca or TWINHUB_CA_FILE\n$/,
    );
    expect(
      (
        await twinhub(list, {
          ...variables,
          NODE_EXTRA_CA_CERTS: path.join(cli.directory, "ca.pem"),
        })
      ).code,
    ).toBe(0);
  });

  it("says that the certificate is for other names", async () => {
    // Another spelling of the same address.
    const login = hub.connectionString.replace("127.0.0.1", "127.1");

    expect(await refusal(1, ...list, "--login", login)).toMatch(
      /^The certificate of 127\.1:\d+ is for other names; start the hub with --host-name/,
    );
  });

  it("says that a key is wrong without repeating it", async () => {
    const login = hub.connectionString.replace(/SharedAccessKey=.*/, `SharedAccessKey=${keyA}`);

    const line = await refusal(1, ...list, "--login", login);

    expect(line).toMatch(/^IotHubUnauthorized/);
    expect(line).not.toContain(keyA);
  });

  it("refuses a connection string that is none, or a device's", async () => {
    const device1 = `HostName=127.0.0.1;DeviceId=d1;SharedAccessKey=${keyA}`;

    expect(await refusal(2, ...list, "-l", "HostName=h;Colour=red")).toMatch(
      /no such member: part 2/,
    );
    expect(await refusal(1, ...list, "-l", device1)).toMatch(
      /^The connection string is not a service's/,
    );
    expect(await refusal(1, ...list, "--ca", "nowhere.pem")).toMatch(
      /^The CA file .*nowhere\.pem cannot be read \(ENOENT\)/,
    );
  });
});

describe("a command line that is wrong", () => {
  it.each([
    [["device-identity", "create"], /required option '-d, --device-id <id>' not specified/],
    [["device-identity", "creat"], /unknown command 'creat'/],
    [
      ["device-identity", "list", "--topp", "1"],
      /unknown option '--topp'\n\(Did you mean --top\?\)/,
    ],
    [["device-identity", "list", "-o", "xml"], /Allowed choices are json, table/],
    [["device-identity", "list", "--top", "0"], /--top must be a whole number from 1 to \d+/],
    [["device-identity", "create", "-d", ""], /--device-id must not be empty/],
    [
      ["device-identity", "update", "-d", "x1", "--am", "x509_ca", "--pk", "a"],
      /--primary-key does not belong/,
    ],
    [["device-identity", "update", "-d", "x1"], /Nothing to change/],
    [["device-identity", "renew-key", "-d", "x1"], /--kt, --key-type <key>' not specified/],
    [["start", "--https-port", "x"], /--https-port must be a whole number/],
    [["start", "--colour", "red"], /unknown option '--colour'/],
  ])("ends with 2: %j", async (args, message) => {
    await twinhub(["device-identity", "create", "-d", "x1"]);

    const { code, err } = await twinhub(args);

    expect(err).toMatch(message);
    expect(err).not.toContain(" at ");
    expect(code).toBe(2);
  });

  it("shows help and version with 0", async () => {
    expect(await twinhub(["--version"])).toMatchObject({ code: 0, err: "" });
    const help = await twinhub(["start", "--help"]);
    expect(help.code).toBe(0);
    for (const flag of [
      "--data",
      "--memory",
      "--host-name",
      "--https-port",
      "--device-ca",
      "--config",
    ])
      expect(help.out).toContain(flag);
  });
});
