import { connectPacket } from "../../src/heads/mqtt/testing/client.ts";
import { AmqpClient, nextMessage, send } from "../../src/heads/amqp/testing/client.ts";
import { SocketEnd } from "../support/socket-pair.ts";
import { createAmqpHead } from "../../src/heads/amqp/head.ts";
import { type IdentityKey, keyText } from "../../src/domain/identity/key.ts";
import { systemRandom } from "../../src/system.ts";
import { generate } from "mqtt-packet";
import { hostName } from "../support/http-hub.ts";
import { type FuzzHub, identityToken } from "./fuzz-hub.ts";

/** What a client sends over one connection, write by write. */
export type Conversation = readonly Buffer[];

export function mqttConversation(key: IdentityKey): Conversation {
  const base = `devices/${keyText(key).replace("/", "/modules/")}`;
  const publish = (topic: string, payload: string, messageId: number): Buffer => {
    const common = { cmd: "publish", topic, payload, dup: false, retain: false } as const;
    return generate(messageId === 0 ? { ...common, qos: 0 } : { ...common, qos: 1, messageId });
  };
  return [
    generate(
      connectPacket({
        clientId: keyText(key),
        username: `${hostName}/${keyText(key)}/?api-version=2021-04-12`,
        password: Buffer.from(identityToken(key)),
      }),
    ),
    generate({
      cmd: "subscribe",
      messageId: 1,
      subscriptions: [
        { topic: "$iothub/twin/res/#", qos: 0 },
        { topic: "$iothub/methods/POST/#", qos: 0 },
      ],
    }),
    publish("$iothub/twin/GET/?$rid=1", "", 0),
    publish("$iothub/twin/PATCH/properties/reported/?$rid=2", '{"x":{"y":[1,2,3]}}', 2),
    publish(`${base}/messages/events/a=b`, '{"temperature":21}', 3),
    generate({ cmd: "pingreq" }),
  ];
}

/** What a genuine AMQP client sends to this hub, recorded. */
export async function amqpConversation(hub: FuzzHub, key: IdentityKey): Promise<Conversation> {
  const head = createAmqpHead({ hub: hub.hub, clock: hub.clock, random: systemRandom, log: quiet });
  await head.start();
  const sent: Buffer[] = [];
  const [near, far] = SocketEnd.pair();
  const [toHub, hubEnd] = SocketEnd.pair();
  for (const end of [near, far, toHub]) end.on("error", () => undefined);
  head.accept(hubEnd, { address: "192.0.2.1:5000", transport: "tls" });
  far.on("data", (chunk: Buffer) => {
    sent.push(chunk);
    toHub.write(chunk);
  });
  far.on("end", () => toHub.end());
  toHub.on("data", (chunk: Buffer) => void (far.writable && far.write(chunk)));
  toHub.on("end", () => far.end());
  const client = await AmqpClient.open(near, { username: "anonymous" });
  await client.putToken(identityToken(key));
  const base = `/devices/${keyText(key).replace("/", "/modules/")}`;
  await send(await client.sender(`${base}/messages/events`), "x".repeat(300));
  const answers = await client.receiver(`${base}/twin`);
  const requests = await client.sender(`${base}/twin`);
  const answered = nextMessage(answers);
  requests.send({ correlation_id: "c1", message_annotations: { operation: "GET" }, body: "" });
  await answered;
  client.close();
  await client.closed;
  await head.stop();
  return sent;
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
