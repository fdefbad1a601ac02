import { type RequestOptions, request } from "node:https";
import type { Packet } from "mqtt-packet";
import type { TestHub, TestIdentity } from "../../src/testing/start-hub.ts";
import { createSasToken } from "../../src/wire/sas-token.ts";
import { MqttClient } from "../support/mqtt-client.ts";

export interface TextAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** A GET over HTTPS with the given headers and no others. */
export function getText(
  hub: TestHub,
  path: string,
  headers: Record<string, string> = {},
  options: RequestOptions = {},
): Promise<TextAnswer> {
  return new Promise((resolve, reject) => {
    const { caPem: ca, hostName: host, ports } = hub;
    const sent = request({ host, port: ports.https, path, ca, agent: false, headers, ...options });
    sent.on("error", reject);
    sent.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const { statusCode: status = 0, headers: answered } = response;
        resolve({ status, headers: answered, text: Buffer.concat(chunks).toString() });
      });
    });
    sent.end();
  });
}

export function policyKey(hub: TestHub, policy: string): string {
  return /SharedAccessKey=(.*)$/.exec(hub.connectionStrings[policy] ?? "")?.[1] ?? "";
}

export function policyToken(hub: TestHub, policy: string): string {
  return createSasToken({
    resource: hub.hostName,
    key: policyKey(hub, policy),
    expiry: Math.floor(hub.clock.now() / 1000) + 3600,
    policy,
  });
}

export function identityToken(
  hub: TestHub,
  { deviceId, moduleId, primaryKey }: TestIdentity,
): string {
  const module = moduleId === undefined ? "" : `/modules/${moduleId}`;
  return createSasToken({
    resource: `${hub.hostName}/devices/${deviceId}${module}`,
    key: primaryKey,
    expiry: Math.floor(hub.clock.now() / 1000) + 3600,
  });
}

/** A device or module over MQTT that waits for what it is promised. */
export class MqttIdentity {
  readonly topic: string;
  readonly #client: MqttClient;
  readonly #packets: Packet[] = [];

  private constructor(client: MqttClient, topic: string) {
    this.#client = client;
    this.topic = topic;
    client.onPacket = (packet) => {
      this.#packets.push(packet);
    };
  }

  static async connect(
    hub: TestHub,
    identity: TestIdentity,
    token?: string,
  ): Promise<MqttIdentity> {
    const { deviceId, moduleId } = identity;
    const clientId = moduleId === undefined ? deviceId : `${deviceId}/${moduleId}`;
    const { client } = await MqttClient.connect(
      { host: hub.hostName, port: hub.ports.mqtts, ca: hub.caPem },
      {
        clientId,
        username: `${hub.hostName}/${clientId}/?api-version=2021-04-12`,
        password: Buffer.from(token ?? identityToken(hub, identity)),
      },
    );
    const module = moduleId === undefined ? "" : `/modules/${moduleId}`;
    return new MqttIdentity(client, `devices/${deviceId}${module}/messages/events/`);
  }

  async subscribe(...topics: string[]): Promise<void> {
    const subscriptions = topics.map((topic) => ({ topic, qos: 0 as const }));
    this.#client.send({ cmd: "subscribe", messageId: 1, subscriptions });
    await this.next((packet) => packet.cmd === "suback");
  }

  async send(payload: string): Promise<void> {
    this.#client.publish(this.topic, payload, 1, 7);
    await this.next((packet) => packet.cmd === "puback");
  }

  publish(topic: string, payload: string): void {
    this.#client.publish(topic, payload, 0);
  }

  /** The first packet that fits; it is taken out. */
  async next(fits: (packet: Packet) => boolean): Promise<Packet> {
    const deadline = performance.now() + 10_000;
    for (;;) {
      const index = this.#packets.findIndex(fits);
      const [packet] = index < 0 ? [] : this.#packets.splice(index, 1);
      if (packet !== undefined) return packet;
      if (performance.now() > deadline) throw new Error("the packet did not come");
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async published(prefix: string): Promise<{ topic: string; text: string }> {
    const packet = await this.next((one) => one.cmd === "publish" && one.topic.startsWith(prefix));
    if (packet.cmd !== "publish") throw new Error("no publish");
    return { topic: packet.topic, text: packet.payload.toString() };
  }

  async end(): Promise<void> {
    this.#client.send({ cmd: "disconnect" });
    this.#client.destroy();
    await this.#client.closed;
  }
}

/** One identity's day: telemetry, its twin, a desired change, a direct method. */
export async function liveOneDay(hub: TestHub, identity: TestIdentity): Promise<void> {
  const { deviceId, moduleId } = identity;
  const module = moduleId === undefined ? "" : `/modules/${moduleId}`;
  const mqtt = await MqttIdentity.connect(hub, identity);
  await mqtt.subscribe(
    "$iothub/twin/res/#",
    "$iothub/twin/PATCH/properties/desired/#",
    "$iothub/methods/POST/#",
  );
  await mqtt.send('{"temperature":21}');
  mqtt.publish("$iothub/twin/GET/?$rid=1", "");
  await mqtt.published("$iothub/twin/res/200/");
  mqtt.publish("$iothub/twin/PATCH/properties/reported/?$rid=2", '{"battery":80}');
  await mqtt.published("$iothub/twin/res/204/");
  await hub.call("PATCH", `/twins/${deviceId}${module}`, {
    properties: { desired: { interval: 5 } },
  });
  await mqtt.published("$iothub/twin/PATCH/properties/desired/");
  const called = hub.call("POST", `/twins/${deviceId}${module}/methods`, {
    methodName: "reboot",
    payload: { now: true },
    responseTimeoutInSeconds: 10,
  });
  const { topic } = await mqtt.published("$iothub/methods/POST/reboot/");
  const rid = topic.split("$rid=")[1] ?? "";
  mqtt.publish(`$iothub/methods/res/200/?$rid=${rid}`, '{"done":true}');
  const { status } = await called;
  if (status !== 200) throw new Error(`the method was answered with ${status}`);
  await mqtt.end();
}
