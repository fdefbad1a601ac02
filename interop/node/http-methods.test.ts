import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import device from "azure-iot-device";
import type { DeviceMethodRequest, DeviceMethodResponse } from "azure-iot-device";
import iothub from "azure-iothub";
import { describe, expect, it } from "vitest";
import { run } from "../../src/cli/run.ts";
import { hubOfFile } from "./hub.ts";
import { kinds, openClient, register } from "./support.ts";
import type { DeviceSideClient, Subject } from "./support.ts";

const hub = await hubOfFile();
const service = iothub.Client.fromConnectionString(hub.connectionString);

interface Params {
  readonly methodName: string;
  readonly payload?: unknown;
  readonly responseTimeoutInSeconds?: number;
  readonly connectTimeoutInSeconds?: number;
}

async function invoke({ deviceId, moduleId }: Subject, params: Params): Promise<unknown> {
  const { result } =
    moduleId === undefined
      ? await service.invokeDeviceMethod(deviceId, { ...params })
      : await service.invokeDeviceMethod(deviceId, moduleId, { ...params });
  return result;
}

type Handler = (request: DeviceMethodRequest, response: DeviceMethodResponse) => void;

function answerWith(client: DeviceSideClient, name: string, handler: Handler): void {
  if (client instanceof device.Client) client.onDeviceMethod(name, handler);
  else client.onMethod(name, handler as never);
}

describe.each(kinds)("the service SDK calling a method of a %s", (kind) => {
  it("gets the status and payload that the client gives", async () => {
    const subject = await register(hub, kind);
    const client = await openClient(hub, subject);
    answerWith(client, "reboot", (request, response) => {
      void response.send(418, { got: request.payload });
    });
    const params = { methodName: "reboot", payload: { delay: 5 }, connectTimeoutInSeconds: 10 };
    expect(await invoke(subject, params)).toEqual({ status: 418, payload: { got: { delay: 5 } } });
  });

  it("is told that nobody is connected", async () => {
    const subject = await register(hub, kind);
    await expect(invoke(subject, { methodName: "m" })).rejects.toMatchObject({
      response: { statusCode: 404, headers: { "iothub-errorcode": "DeviceNotOnline" } },
    });
  });

  it("hears of the time-out before it gives up itself", async () => {
    const subject = await register(hub, kind);
    const client = await openClient(hub, subject);
    const called = new Promise<void>((resolve) =>
      answerWith(client, "silent", () => {
        resolve();
      }),
    );
    const params = {
      methodName: "silent",
      responseTimeoutInSeconds: 5,
      connectTimeoutInSeconds: 0,
    };
    // The subscription is made by the time that a first call comes through.
    answerWith(client, "ready", (_request, response) => void response.send(200));
    await invoke(subject, { methodName: "ready", connectTimeoutInSeconds: 10 });
    const refused = expect(invoke(subject, params)).rejects.toMatchObject({
      name: "GatewayTimeoutError",
    });
    await called;
    // The SDK counts five seconds of its own, which the hub's clock does not move.
    hub.clock.advance(4_900);
    await refused;
  });

  it("is told that a time-out is out of range", async () => {
    const subject = await register(hub, kind);
    const params = { methodName: "m", responseTimeoutInSeconds: 301 };
    await expect(invoke(subject, params)).rejects.toMatchObject({ name: "ArgumentError" });
  });
});

describe("the service SDK calling nobody", () => {
  it("is told so", async () => {
    await expect(service.invokeDeviceMethod("nobody", { methodName: "m" })).rejects.toMatchObject({
      response: { statusCode: 404, headers: { "iothub-errorcode": "DeviceNotFound" } },
    });
  });
});

describe.each(kinds)("the command line calling a method of a %s", (kind) => {
  it("prints the answer", async () => {
    const subject = await register(hub, kind);
    const client = await openClient(hub, subject);
    answerWith(client, "echo", (request, response) => void response.send(200, request.payload));
    const caFile = path.join(await mkdtemp(path.join(tmpdir(), "twinhub-")), "ca.pem");
    await writeFile(caFile, hub.caPem);
    const { deviceId, moduleId } = subject;
    const of = moduleId === undefined ? ["-d", deviceId] : ["-d", deviceId, "-m", moduleId];
    let out = "";
    const code = await run(
      [`invoke-${kind}-method`, ...of, "--mn", "echo", "--mp", "[1]", "--connect-timeout", "10"],
      {
        out: (text) => (out += text),
        err: (text) => (out += text),
        environment: { IOTHUB_CONNECTION_STRING: hub.connectionString, TWINHUB_CA_FILE: caFile },
        directory: tmpdir(),
        now: () => hub.clock.now(),
        untilStopped: () => Promise.resolve(),
      },
    );
    await rm(path.dirname(caFile), { recursive: true });
    expect([code, JSON.parse(out)]).toEqual([0, { status: 200, payload: [1] }]);
  });
});
