import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CliHub, type RunningCommand } from "../../test/support/cli-hub.ts";
import { MqttIdentity } from "../../test/observe/story.ts";
import type { TestHub } from "../testing/start-hub.ts";
import { hubStatus } from "./hub-status.ts";
import { parsePrometheusText } from "./prometheus-text.ts";

let cli: CliHub;
let hub: TestHub;
beforeAll(async () => {
  cli = await CliHub.start();
  ({ hub } = cli);
});
afterAll(() => cli.stop());

const start = (...args: readonly string[]): RunningCommand =>
  cli.start(args, {
    ...cli.variables,
    IOTHUB_CONNECTION_STRING: hub.connectionStrings["service"] ?? "",
  });

describe("twinhub status", () => {
  it("shows devices, modules and who is connected once, as JSON, with the right to connect", async () => {
    await hub.createDevice("d1");
    const module = await hub.createModule("d1", "m1");
    const mqtt = await MqttIdentity.connect(hub, module);
    const running = start("status", "--once", "--output", "json");
    expect(await running.done, running.err).toBe(0);
    const status: unknown = JSON.parse(running.out);
    expect(status).toMatchObject({
      store: "memory",
      ready: true,
      devices: 1,
      modules: 1,
      connections: { mqtt: { devices: 0, modules: 1 }, amqp: { devices: 0, modules: 0 } },
      queues: { storeOperations: 0, cloudToDevice: 0, jobs: 0 },
      disk: null,
    });
    await mqtt.end();
  });

  it("shows a table anew each second until it is ended, from the second look on with rates", async () => {
    const running = start("status");
    await expect.poll(() => running.texts.length).toBeGreaterThan(1);
    running.stop();
    expect(await running.done).toBe(0);
    const [first = "", second = ""] = running.texts;
    expect(first.startsWith("\u001B[H\u001B[JHub ")).toBe(true);
    expect(first).toMatch(/Hub +\d+\.\d+\.\d+, store memory, ready\nUptime/);
    expect(first).toMatch(/\nPer second +–\n/);
    expect(second).toMatch(/\nPer second +messages in 0, .*requests \d/);
    expect(second).toMatch(/\nDevices, modules +1, 1\n/);
    expect(second).toMatch(/\nDisk +nothing: all is in memory\n$/);
  });

  it("counts what happened between two looks for one second, and a restart as a beginning", () => {
    const at = (seconds: number, count: number) => ({
      at: seconds * 1000,
      series: parsePrometheusText(
        `twinhub_messages_received_total{protocol="mqtt",kind="module",result="accepted"} ${count}\n`,
      ),
    });
    expect(hubStatus(at(12, 50), at(10, 10))["rates"]).toMatchObject({ messagesIn: 20 });
    expect(hubStatus(at(12, 5), at(10, 10))["rates"]).toMatchObject({ messagesIn: 0 });
    expect(hubStatus(at(12, 5), undefined)["rates"]).toBeNull();
  });
});

describe("the metrics text", () => {
  it("is read with its labels, escapes and special numbers", () => {
    const text = '# HELP a x\na{b="c,\\"d\\"\\n",e="}"} 1.5\nf +Inf\ng NaN\nnonsense here too\n';
    expect(parsePrometheusText(text)).toEqual([
      { name: "a", labels: { b: 'c,"d"\n', e: "}" }, value: 1.5 },
      { name: "f", labels: {}, value: Infinity },
      { name: "g", labels: {}, value: NaN },
    ]);
  });
});
