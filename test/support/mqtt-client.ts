import { type TLSSocket, connect } from "node:tls";
import { type IConnectPacket, type Packet, generate, parser } from "mqtt-packet";

export interface MqttAddress {
  readonly host: string;
  readonly port: number;
  readonly ca: string;
}

/** A raw MQTT client over TLS that acknowledges nothing by itself. */
export class MqttClient {
  /** Resolves when the connection has ended: with the code of the socket's error, undefined after an orderly end. */
  readonly closed: Promise<string | undefined>;
  /** Called with each packet after CONNACK. */
  onPacket: (packet: Packet) => void = () => {};
  readonly #socket: TLSSocket;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    let code: string | undefined;
    socket.on("error", (error: NodeJS.ErrnoException) => (code = error.code));
    this.closed = new Promise((resolve) => socket.once("close", () => resolve(code)));
  }

  /** Resolves with the client and whether its session was there; rejects if it is refused. */
  static connect(
    { host, port, ca }: MqttAddress,
    packet: Pick<IConnectPacket, "clientId" | "username" | "password">,
  ): Promise<{ client: MqttClient; sessionPresent: boolean }> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, ca, servername: "" });
      const client = new MqttClient(socket);
      const incoming = parser({ protocolVersion: 4 });
      socket.on("error", reject);
      socket.on("data", (chunk) => incoming.parse(chunk));
      void client.closed.then(() => reject(new Error("the hub closed the connection")));
      incoming.on("packet", (received) => {
        if (received.cmd !== "connack") return client.onPacket(received);
        if (received.returnCode === 0) resolve({ client, sessionPresent: received.sessionPresent });
        else reject(new Error(`refused with ${received.returnCode}`));
      });
      client.send({
        cmd: "connect",
        protocolId: "MQTT",
        protocolVersion: 4,
        clean: false,
        keepalive: 60,
        ...packet,
      });
    });
  }

  send(packet: Packet): void {
    if (!this.#socket.destroyed) this.#socket.write(generate(packet));
  }

  publish(topic: string, payload: string, qos: 0 | 1, messageId = 0): void {
    const common = { cmd: "publish", topic, payload, dup: false, retain: false } as const;
    this.send(qos === 0 ? { ...common, qos } : { ...common, qos, messageId });
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
