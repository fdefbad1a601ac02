import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { AmqpClient } from "../../src/heads/amqp/testing/client.ts";
import { createLog } from "../../src/observe/log.ts";
import { type TestHub, startHub } from "../../src/testing/start-hub.ts";
import { createSasToken } from "../../src/wire/sas-token.ts";
import {
  MqttIdentity,
  getText,
  identityToken,
  liveOneDay,
  policyKey,
  policyToken,
} from "./story.ts";

/** Where Linux shows what `ps` shows of this process. */
const commandLine = "/proc/self/cmdline";

let hub: TestHub | undefined;
afterEach(async () => {
  await hub?.stop();
  hub = undefined;
});

/** A hub on the most talkative level, and all that it has said. */
async function talkativeHub(): Promise<{ talkative: TestHub; said: string[] }> {
  const said: string[] = [];
  const log = createLog("debug", { write: (line) => void said.push(line) });
  hub = await startHub({ log });
  return { talkative: hub, said };
}

function parsed(said: readonly string[]): Record<string, unknown>[] {
  return said.map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function openAmqp(to: TestHub): Promise<AmqpClient> {
  const { hostName: host, ports, caPem: ca } = to;
  const stream = connect({ host, port: ports.amqps, ca, servername: "" });
  await new Promise((resolve, reject) => {
    stream.once("secureConnect", () => resolve(undefined));
    stream.once("error", reject);
  });
  return AmqpClient.open(stream as never);
}

/** What a reader of the log could use: as it is, as it stands in URLs, and the signature within a token. */
function formsOf(secret: string): string[] {
  const signature = /[?& ]sig=([^&]+)/.exec(secret)?.[1] ?? secret;
  const bare = signature.replace(/=+$/, "");
  return [secret, signature, bare, encodeURIComponent(signature), decodeURIComponent(bare)];
}

describe("secrets", () => {
  it("stand in no log line, error answer, metric or argument, whatever devices and services do", async () => {
    const { talkative, said } = await talkativeHub();
    const device = await talkative.createDevice("d1");
    const module = await talkative.createModule("d1", "m1");
    const wrongKey = Buffer.from("a key that is nobody's").toString("base64");
    const strangers = identityToken(talkative, { ...module, primaryKey: wrongKey });
    const expired = createSasToken({
      resource: `${talkative.hostName}/devices/d1/modules/m1`,
      key: module.primaryKey,
      expiry: 1_000_000_000,
    });
    const good = policyToken(talkative, "service");
    const routeSecret = "a-secret-of-a-webhook-0123456789";
    const payload = "what only the reader of a message may know";
    const secrets = [
      ...Object.keys(talkative.connectionStrings).map((name) => policyKey(talkative, name)),
      ...Object.values(talkative.connectionStrings),
      ...[device, module].flatMap(({ primaryKey, secondaryKey, connectionString }) => [
        primaryKey,
        secondaryKey,
        connectionString,
      ]),
      wrongKey,
      strangers,
      expired,
      good,
      identityToken(talkative, device),
      identityToken(talkative, module),
      routeSecret,
      payload,
    ];
    const answers: string[] = [];
    const ask = async (...args: Parameters<TestHub["call"]>): Promise<void> => {
      const { status, body } = await talkative.call(...args);
      if (status >= 400) answers.push(JSON.stringify(body));
    };

    await liveOneDay(talkative, device);
    await liveOneDay(talkative, module);
    const mqtt = await MqttIdentity.connect(talkative, module);
    await mqtt.send(payload);
    // Not JSON, and not a topic: refusals that could repeat what was sent.
    await mqtt.subscribe("$iothub/twin/res/#");
    mqtt.publish("$iothub/twin/PATCH/properties/reported/?$rid=9", payload);
    await mqtt.published("$iothub/twin/res/400/");
    await mqtt.end();
    for (const token of [strangers, expired, `${good} nonsense`, wrongKey]) {
      const refused = await MqttIdentity.connect(talkative, module, token).catch(() => "refused");
      expect(refused).toBe("refused");
    }

    const amqp = await openAmqp(talkative);
    const tokens = [identityToken(talkative, module), strangers, good, wrongKey];
    const statuses: number[] = [];
    for (const token of tokens) {
      const { status, description } = await amqp.putToken(token);
      statuses.push(status);
      answers.push(description);
    }
    expect(statuses).toEqual([200, 401, 200, 401]);
    amqp.connection.close();
    await amqp.closed;

    for (const authorization of [
      strangers,
      expired,
      `Bearer ${strangers}`,
      `Basic ${Buffer.from(`service:${wrongKey}`).toString("base64")}`,
      wrongKey,
    ])
      for (const path of [
        "/metrics",
        "/twins/d1/modules/m1?api-version=2021-04-12",
        "/$hub/policies",
      ]) {
        const { status, text } = await getText(talkative, path, { authorization });
        expect(status).toBe(401);
        answers.push(text);
      }
    await ask("PUT", "/devices/d2", {
      authentication: { symmetricKey: { primaryKey: routeSecret } },
    });
    await ask("PUT", "/$hub/endpoints/e1", {
      type: "webhook",
      url: "ftp://x",
      secret: routeSecret,
    });
    await ask("PATCH", "/twins/d1/modules/m1", { tags: payload });
    await ask("POST", "/devices/query", { query: `SELECT * FROM ${payload}` });
    await ask("POST", "/twins/none/methods", { methodName: "m", payload });
    await ask("POST", "/devices/d1/keys", { key: device.primaryKey });
    const { text: metrics } = await getText(talkative, "/metrics", { authorization: good });
    await talkative.stop();
    hub = undefined;

    expect(said.length).toBeGreaterThan(40);
    expect(answers.length).toBeGreaterThan(15);
    const all = {
      log: said.join(""),
      answers: answers.join("\n"),
      metrics,
      arguments: existsSync(commandLine) ? readFileSync(commandLine, "utf8") : "",
    };
    for (const [where, text] of Object.entries(all))
      for (const secret of secrets.flatMap(formsOf))
        expect(text.includes(secret), `${where} has ${secret.slice(0, 40)}`).toBe(false);
  });
});

describe("log lines", () => {
  it("of one MQTT connection share an id that no other connection has", async () => {
    const { talkative, said } = await talkativeHub();
    const device = await talkative.createDevice("d1");
    const module = await talkative.createModule("d1", "m1");
    await liveOneDay(talkative, device);
    await liveOneDay(talkative, module);
    await liveOneDay(talkative, module);
    await expect
      .poll(() => said.filter((line) => line.includes("connection ended")).length)
      .toBe(3);
    await talkative.stop();
    hub = undefined;
    const lines = parsed(said).filter(({ msg }) => String(msg).startsWith("MQTT connection"));
    expect(lines).toHaveLength(6);
    const ids = lines.map(({ connection }) => String(connection));
    expect(new Set(ids).size).toBe(3);
    for (const id of new Set(ids)) {
      expect(id).toMatch(/^mqtt-[a-z0-9]+-\d+$/);
      const identities = lines.filter(({ connection }) => connection === id);
      expect(identities).toHaveLength(2);
      expect(new Set(identities.map(({ identity }) => identity)).size).toBe(1);
    }
  });

  it.each(["/twins/none", "/twins/none/modules/m1"])(
    "of a request to %s carry the id that its answer has",
    async (path) => {
      const { talkative, said } = await talkativeHub();
      const { status, headers, body } = await talkative.call("GET", path);
      expect(status).toBe(404);
      const id = String(headers["x-ms-request-id"]);
      await expect.poll(() => said.filter((line) => line.includes(id)).length).toBe(1);
      const [line] = parsed(said.filter((one) => one.includes(id)));
      expect(line).toMatchObject({ requestId: id, method: "GET", path, status: 404 });
      expect(body.ExceptionMessage).toContain(id.replaceAll("-", "").toUpperCase());
    },
  );
});
