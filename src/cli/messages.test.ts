import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CliHub, type RunningCommand } from "../../test/support/cli-hub.ts";
import { makeCertificate } from "../../test/support/certificates.ts";
import type { TestHub } from "../testing/start-hub.ts";

let cli: CliHub;
let hub: TestHub;
beforeAll(async () => {
  cli = await CliHub.start();
  ({ hub } = cli);
  for (const id of ["d1", "d2"]) await hub.createDevice(id);
  await hub.createModule("d1", "m1");
});
afterAll(() => cli.stop());

const start = (args: readonly string[]): RunningCommand => cli.start(args);
const json = (...args: readonly string[]) => cli.json(...args);

async function refusal(code: number, ...args: readonly string[]): Promise<string> {
  const running = start(args);
  expect([await running.done, running.out]).toEqual([code, ""]);
  expect(running.err).toMatch(/^error: [^\n]+\n$/);
  return running.err.slice("error: ".length, -1);
}

describe("twinhub c2d-message", () => {
  it("sends a message that the device receives and completes", async () => {
    const sent = await json(
      "c2d-message",
      "send",
      "-d",
      "d1",
      "--data",
      "hällo",
      "-p",
      "a=b c;Level=1",
      "--ack",
      "full",
      "--ct",
      "text/plain",
      "--message-id",
      "mine",
    );
    expect(sent).toEqual({ deviceId: "d1", messageId: "mine" });
    const taken = await json("c2d-message", "receive", "-d", "d1");
    expect(taken).toMatchObject({
      ack: "full",
      data: "hällo",
      properties: {
        app: { a: "b c", level: "1" },
        system: { "iothub-messageid": "mine", "iothub-contenttype": "text/plain" },
      },
    });
    expect(await json("c2d-message", "complete", "-d", "d1", "--etag", taken.etag)).toBeNull();
    expect(await refusal(1, "c2d-message", "complete", "-d", "d1", "-e", taken.etag)).toMatch(
      /^DeviceMessageLockLost \(412002\)/,
    );
    const nothing = start(["c2d-message", "receive", "-d", "d1"]);
    expect([await nothing.done, nothing.out]).toEqual([0, ""]);
    expect(nothing.err).toBe("No message waits for the device.\n");
  });

  it("settles what it receives, if told to", async () => {
    writeFileSync(path.join(cli.directory, "body.bin"), "from a file");
    await json("c2d-message", "send", "-d", "d1", "--data", "@body.bin");
    expect((await json("c2d-message", "receive", "-d", "d1", "--abandon")).data).toBe(
      "from a file",
    );
    const second = await json("c2d-message", "receive", "-d", "d1");
    expect(second.properties.system["iothub-deliverycount"]).toBe("1");
    await json("c2d-message", "abandon", "-d", "d1", "-e", second.etag);
    await json("c2d-message", "receive", "-d", "d1", "--reject");
    expect((await json("device-identity", "show", "-d", "d1")).cloudToDeviceMessageCount).toBe(0);
  });

  it("purges what waits", async () => {
    await json("c2d-message", "send", "-d", "d2");
    await json("c2d-message", "send", "-d", "d2", "--expiry", String(hub.clock.now() + 60_000));
    expect(await json("c2d-message", "purge", "-d", "d2")).toEqual({
      totalMessagesPurged: 2,
      deviceId: "d2",
      moduleId: null,
    });
  });

  it("says what is wrong in one line", async () => {
    expect(await refusal(1, "c2d-message", "send", "-d", "nobody")).toMatch(/^DeviceNotFound/);
    const past = ["c2d-message", "send", "-d", "d1", "--expiry-time-utc"];
    expect(await refusal(1, ...past, "1000")).toMatch(/^InvalidMessageExpiryTime \(403009\)/);
    expect(await refusal(2, ...past, "soon")).toMatch(/milliseconds/);
    expect(await refusal(2, "c2d-message", "send", "-d", "d1", "-p", "novalue")).toMatch(
      /key=value/,
    );
    expect(await refusal(2, "c2d-message", "send", "-d", "d1", "-p", "a=b\nc")).toMatch(/control/);
  });
});

describe("twinhub monitor-events", () => {
  it("shows messages of a module as lines until it is ended", async () => {
    const running = start(["monitor-events", "-d", "d1", "-m", "m1"]);
    await expect.poll(() => running.err).toMatch(/^Waiting for messages/);
    await json("send-d2c-message", "-d", "d2", "--data", "other");
    await json("send-d2c-message", "-d", "d1", "-m", "m1", "--data", "one\u001b[31m");
    await expect.poll(() => running.out).not.toBe("");
    running.stop();
    expect(await running.done).toBe(0);
    expect(running.out).toMatch(/^\S+Z d1\/m1 \S+\n$/);
    expect(running.out).not.toContain("\u001b");
  });

  it("prints JSON as az does, from the time it is told, with the properties it is asked for", async () => {
    hub.clock.advance(60_000);
    const since = String(hub.clock.now());
    await json(
      "send-d2c-message",
      "-d",
      "d2",
      "--data",
      '{"t":1}',
      "--ct",
      "application/json",
      "--properties",
      "level=high",
      "--mid",
      "m7",
    );
    await json("send-d2c-message", "-d", "d1", "-m", "m1", "--data", "text");
    const running = start([
      "monitor-events",
      "--enqueued-time",
      since,
      "--message-count",
      "2",
      "-o",
      "json",
      "--properties",
      "all",
    ]);
    expect(await running.done).toBe(0);
    const events = running.out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).event)
      .toSorted((a, b) => (a.origin < b.origin ? 1 : -1));
    expect(events).toMatchObject([
      {
        origin: "d2",
        module: "",
        payload: { t: 1 },
        properties: {
          application: { level: "high" },
          system: { messageId: "m7", contentType: "application/json" },
        },
        annotations: { "iothub-connection-device-id": "d2", "iothub-message-source": "Telemetry" },
      },
      { origin: "d1", module: "m1", payload: "text" },
    ]);
  });

  it("shows the event log of an endpoint", async () => {
    await hub.call("PUT", "/$hub/endpoints/alarms", { type: "log" });
    await hub.call("PUT", "/$hub/routes/alarms", { endpointNames: ["alarms"] });
    const d2 = ["send-d2c-message", "-d", "d2", "--da", "to alarms"];
    expect(await start(d2).done).toBe(0);
    const args = ["--endpoint", "alarms", "--from", "earliest", "--mc", "1", "-o", "json"];
    const running = start(["monitor-events", ...args]);
    expect(await running.done).toBe(0);
    expect(JSON.parse(running.out)).toMatchObject({
      event: { origin: "d2", payload: "to alarms" },
    });
    await hub.call("DELETE", "/$hub/routes/alarms");
    await hub.call("DELETE", "/$hub/endpoints/alarms");
    const gone = start(["monitor-events", "--endpoint", "alarms"]);
    expect(await gone.done).toBe(1);
    expect(gone.err).toMatch(/^error: GenericNotFound/);
  });

  it("fails when it is refused", async () => {
    const running = start(["monitor-events", "--from", "yesterday"]);
    expect(await running.done).toBe(1);
    expect(running.err).toMatch(/^error: ArgumentInvalid \(400004\)/);
  });
});

describe("twinhub invoke-device-method and invoke-module-method", () => {
  it("say that the target is not connected", async () => {
    const offline = /^DeviceNotOnline \(404103\): Timed out waiting for device to connect\./;
    const device = ["invoke-device-method", "-d", "d1", "--mn", "reboot"];
    expect(await refusal(1, ...device, "--mp", '{"a":1}')).toMatch(offline);
    const module = ["invoke-module-method", "-d", "d1", "-m", "m1", "--method-name", "reboot"];
    expect(await refusal(1, ...module)).toMatch(offline);
    expect(await refusal(1, "invoke-module-method", "-d", "d1", "-m", "x", "--mn", "r")).toMatch(
      /^ModuleNotFound/,
    );
  });

  it("refuse what cannot work", async () => {
    const device = ["invoke-device-method", "-d", "d1", "--mn", "reboot"];
    expect(await refusal(2, ...device, "--mp", "{")).toMatch(/not valid JSON/);
    expect(await refusal(2, ...device, "--timeout", "4")).toMatch(/5 to 300/);
  });
});

describe("twinhub certificate", () => {
  it("registers a CA, proves possession, and deletes it", async () => {
    const authority = makeCertificate("plant", { authority: true });
    writeFileSync(path.join(cli.directory, "plant.pem"), authority.certPem);
    writeFileSync(path.join(cli.directory, "plant.cer"), authority.der);
    const made = await json("certificate", "create", "-n", "plant", "--path", "plant.pem");
    expect(made.properties).toMatchObject({ subject: "plant", isVerified: false });
    expect(await refusal(1, "certificate", "create", "-n", "plant", "-p", "plant.cer")).toMatch(
      /^PreconditionFailed/,
    );

    const { properties, etag } = await json(
      "certificate",
      "generate-verification-code",
      "-n",
      "plant",
    );
    const proof = makeCertificate(properties.verificationCode, { issuer: authority });
    writeFileSync(path.join(cli.directory, "proof.pem"), proof.certPem);
    const verify = ["certificate", "verify", "-n", "plant", "-p", "proof.pem", "--etag"];
    expect(await refusal(1, ...verify, made.etag)).toMatch(/^PreconditionFailed/);
    expect((await json(...verify, etag)).properties.isVerified).toBe(true);

    const table = start(["certificate", "list", "-o", "table"]);
    await table.done;
    expect(table.out).toMatch(/^CERTIFICATE +SUBJECT +VERIFIED .*\nplant +plant +true /);
    const updated = await json("certificate", "update", "-n", "plant", "-p", "plant.cer", "-v");
    expect(await json("certificate", "show", "-n", "plant")).toEqual(updated);
    expect(await json("certificate", "delete", "-n", "plant")).toBeNull();
    expect(await refusal(1, "certificate", "show", "-n", "plant")).toMatch(/^GenericNotFound/);
  });

  it("says that a file cannot be read", async () => {
    expect(await refusal(2, "certificate", "create", "-n", "x", "-p", "none.pem")).toMatch(
      /ENOENT/,
    );
  });
});

describe("twinhub policy", () => {
  it("creates a policy, changes its rights, renews and swaps its keys, deletes it", async () => {
    const create = ["policy", "create", "-n", "robots", "--permissions", "deviceconnect"];
    const made = await json(...create);
    expect(made).toMatchObject({ name: "robots", rights: ["DeviceConnect"] });
    expect(await refusal(2, ...create)).toMatch(/exists/);
    const rights = ["ServiceConnect", "RegistryRead"];
    const changed = await json("policy", "update", "-n", "robots", "--permissions", ...rights);
    expect(changed).toEqual({ ...made, rights });
    const renew = ["policy", "renew-key", "--pn", "robots", "--renew-key"];
    const renewed = await json(...renew, "primary");
    expect(renewed.primaryKey).not.toBe(made.primaryKey);
    expect(renewed.secondaryKey).toBe(made.secondaryKey);
    expect(await json(...renew, "swap")).toEqual({
      ...renewed,
      primaryKey: renewed.secondaryKey,
      secondaryKey: renewed.primaryKey,
    });
    expect(await json("policy", "delete", "-n", "robots")).toBeNull();
    expect(await refusal(1, ...renew, "primary")).toMatch(/^GenericNotFound/);
    expect(await refusal(1, "policy", "update", "-n", "robots", "--permissions", "x")).toMatch(
      /^GenericNotFound/,
    );
    expect(await refusal(2, "policy", "show")).toMatch(/--policy-name/);
  });
});

describe("twinhub connection list", () => {
  it("shows who is connected, and the newest ends", async () => {
    expect(await json("connection", "list")).toEqual([]);
    expect(await json("connection", "list", "--ended", "--top", "1")).toEqual([]);
    const table = start(["connection", "list", "-o", "table"]);
    await table.done;
    expect(table.out).toBe("DEVICE  MODULE  PROTOCOL  AUTHENTICATION  SINCE\n");
  });
});
