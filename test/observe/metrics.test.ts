import { get } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { type TestHub, startHub } from "../../src/testing/start-hub.ts";
import {
  MqttIdentity,
  getText,
  identityToken,
  liveOneDay,
  policyKey,
  policyToken,
} from "./story.ts";

let hub: TestHub | undefined;
afterEach(async () => {
  await hub?.stop();
  hub = undefined;
});

/** The value of one series, as it stands in the text; undefined if it is not there. */
function valueOf(text: string, series: string): number | undefined {
  const line = text.split("\n").find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

async function scrape(from: TestHub): Promise<string> {
  const { status, text } = await getText(from, "/metrics", {
    authorization: policyToken(from, "service"),
  });
  expect(status).toBe(200);
  return text;
}

describe("/metrics", () => {
  it("counts what a device and its module do", async () => {
    hub = await startHub();
    const device = await hub.createDevice("d1");
    const module = await hub.createModule("d1", "m1");
    await liveOneDay(hub, device);
    await liveOneDay(hub, module);
    await hub.call("POST", "/devices/d1/messages/deviceBound", { hello: 1 });
    const stranger = identityToken(hub, { ...module, primaryKey: device.primaryKey });
    const refused = await MqttIdentity.connect(hub, module, stranger).catch((error: unknown) =>
      String(error),
    );
    expect(refused).toContain("refused with 5");

    const own = hub;
    await expect
      .poll(async () =>
        valueOf(
          await scrape(own),
          'twinhub_disconnects_total{protocol="mqtt",kind="module",reason="clientDisconnected"}',
        ),
      )
      .toBe(1);
    const text = await scrape(hub);
    for (const kind of ["device", "module"]) {
      const of = (name: string, more = ""): number | undefined =>
        valueOf(text, `${name}{protocol="mqtt",kind="${kind}"${more}}`);
      expect(of("twinhub_connects_total")).toBe(1);
      expect(of("twinhub_connections")).toBe(0);
      expect(of("twinhub_messages_received_total", ',result="accepted"')).toBe(1);
      expect(of("twinhub_message_received_bytes_total")).toBe(18);
      expect(of("twinhub_desired_pushes_total")).toBe(1);
      expect(valueOf(text, `twinhub_method_calls_total{kind="${kind}",status="2xx"}`)).toBe(1);
      const calls = (call: string, protocol: string): number | undefined =>
        valueOf(
          text,
          `twinhub_call_duration_seconds_count{call="${call}",protocol="${protocol}",kind="${kind}",result="ok"}`,
        );
      expect(calls("twins.ownTwin", "mqtt")).toBe(1);
      expect(calls("twins.updateReported", "mqtt")).toBe(1);
      expect(calls("twins.patch", "https")).toBe(1);
    }
    expect(valueOf(text, "twinhub_desired_push_delay_seconds_count")).toBe(2);
    expect(valueOf(text, 'twinhub_cloud_to_device_messages_total{event="queued"}')).toBe(1);
    expect(valueOf(text, "twinhub_cloud_to_device_queue_messages")).toBe(1);
    expect(valueOf(text, 'twinhub_auth_failures_total{protocol="mqtt"}')).toBe(1);
    expect(valueOf(text, 'twinhub_devices{status="enabled"}')).toBe(1);
    expect(valueOf(text, "twinhub_modules")).toBe(1);
    expect(valueOf(text, "twinhub_event_log_appended_total")).toBe(2);
    expect(valueOf(text, "twinhub_event_log_bytes")).toBe(36);
    expect(valueOf(text, "twinhub_ready")).toBe(1);
    expect(valueOf(text, "twinhub_commit_operations_count")).toBeGreaterThan(5);
    expect(valueOf(text, "process_resident_memory_bytes")).toBeGreaterThan(1e7);
    const received = 'twinhub_network_bytes_total{listener="mqtts",direction="in"}';
    expect(valueOf(text, received)).toBeGreaterThan(1_000);
  });

  it("shows each range of a histogram with all that lies below", async () => {
    hub = await startHub();
    await hub.createDevice("d1");
    const text = await scrape(hub);
    const labels = 'call="identities.putDevice",protocol="https",kind="hub",result="ok"';
    const name = "twinhub_call_duration_seconds";
    const values = [...text.matchAll(/^twinhub_call_duration_seconds_bucket\{(.*)\} (\d+)$/gm)]
      .filter(([, found]) => found?.includes("putDevice"))
      .map(([, , value]) => Number(value));
    expect(values.length).toBe(16);
    expect(values).toEqual(values.toSorted((a, b) => a - b));
    expect(values.at(-1)).toBe(1);
    expect(valueOf(text, `${name}_count{${labels}}`)).toBe(1);
    expect(valueOf(text, `${name}_sum{${labels}}`)).toBeGreaterThan(0);
  });

  it("is for policies that may read, by token or by name and key, and for nobody else", async () => {
    hub = await startHub();
    const device = await hub.createDevice("d1");
    const own = hub;
    const statusOf = async (authorization?: string): Promise<number> =>
      (await getText(own, "/metrics", authorization === undefined ? {} : { authorization })).status;
    const basic = (name: string, key: string): string =>
      `Basic ${Buffer.from(`${name}:${key}`).toString("base64")}`;

    expect(await statusOf(policyToken(own, "service"))).toBe(200);
    expect(await statusOf(policyToken(own, "registryRead"))).toBe(200);
    expect(await statusOf(`Bearer ${policyToken(own, "service")}`)).toBe(200);
    expect(await statusOf(basic("service", policyKey(own, "service")))).toBe(200);

    expect(await statusOf()).toBe(401);
    expect(await statusOf(basic("service", policyKey(own, "registryRead")))).toBe(401);
    expect(await statusOf(basic("service", ""))).toBe(401);
    expect(await statusOf(basic("nobody", ""))).toBe(401);
    expect(await statusOf("Basic")).toBe(401);
    expect(await statusOf("Bearer nonsense")).toBe(401);
    expect(await statusOf(policyToken(own, "device"))).toBe(401);
    expect(await statusOf(basic("d1", device.primaryKey))).toBe(401);
  });

  it("is served without authentication only at an address that was asked for", async () => {
    hub = await startHub();
    expect(hub.metricsAddress).toBeNull();
    await hub.stop();
    hub = await startHub({ metrics: { host: "127.0.0.1", port: 0 } });
    const address = hub.metricsAddress ?? "";
    const plain = (path: string): Promise<string> =>
      new Promise((resolve, reject) => {
        get(`http://${address}${path}`, { agent: false }, (response) => {
          let text = `${response.statusCode ?? 0} `;
          response.setEncoding("utf8");
          response.on("data", (chunk: string) => (text += chunk));
          response.on("end", () => resolve(text));
        }).on("error", reject);
      });
    expect(await plain("/metrics")).toMatch(/^200 [^]*\ntwinhub_ready 1\n/);
    expect(await plain("/health")).toBe('200 {"status":"healthy"}');
    expect(await plain("/ready")).toBe('200 {"status":"ready","reasons":[]}');
    expect(await plain("/devices")).toMatch(/^404 /);
  });
});

describe("a hub that is told to stop", () => {
  it("first says that it is not ready and serves on, then ends", async () => {
    hub = await startHub({ drainSeconds: 30 });
    const device = await hub.createDevice("d1");
    const mqtt = await MqttIdentity.connect(hub, device);
    const stopped = hub.stop();
    const ready = await getText(hub, "/ready");
    expect([ready.status, ready.text]).toEqual([
      503,
      '{"status":"unavailable","reasons":["draining"]}',
    ]);
    expect((await getText(hub, "/health")).status).toBe(200);
    await mqtt.send("still here");
    hub.clock.advance(30_000);
    await stopped;
    hub = undefined;
  });
});
