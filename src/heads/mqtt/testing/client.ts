import {
  generate,
  parser,
  type IConnectPacket,
  type IPublishPacket,
  type Packet,
} from "mqtt-packet";
import { SocketEnd } from "../../../../test/support/socket-pair.ts";

/** What a test compares: a PUBLISH that the hub sent. */
export interface Received {
  readonly topic: string;
  readonly body: string;
  readonly qos: number;
}

/** A message to the device, with what its packet says about its delivery. */
export interface Delivered extends Received {
  readonly id: number | undefined;
  readonly dup: boolean;
}

/** A raw MQTT client, with another implementation's codec, over a connection in memory. */
export class TestClient {
  /** The end for the head to accept. */
  readonly serverEnd: SocketEnd;
  /** Resolves when the hub has closed. */
  readonly closed: Promise<void>;
  /** Chunks as they came: one per write of the hub. */
  readonly chunks: Buffer[] = [];
  readonly #end: SocketEnd;
  readonly #packets: Packet[] = [];
  #wake: () => void = () => {};
  #state: "up" | "closed" = "up";
  #packetId = 0;

  constructor() {
    const [end, serverEnd] = SocketEnd.pair();
    this.#end = end;
    this.serverEnd = serverEnd;
    const incoming = parser({ protocolVersion: 4 });
    incoming.on("packet", (packet) => {
      this.#packets.push(packet);
      this.#wake();
    });
    incoming.on("error", (error: unknown) => {
      throw error;
    });
    end.on("data", (chunk: Buffer) => {
      this.chunks.push(chunk);
      incoming.parse(chunk);
    });
    end.on("error", () => {});
    this.closed = new Promise((resolve) => {
      end.on("close", () => {
        this.#state = "closed";
        this.#wake();
        resolve();
      });
    });
  }

  /** Packets that came and were not asked for yet. */
  get waiting(): readonly Packet[] {
    return this.#packets;
  }

  sendBytes(bytes: Uint8Array): void {
    this.#end.write(bytes);
  }

  /** All packets in one chunk. */
  send(...packets: Packet[]): void {
    this.sendBytes(Buffer.concat(packets.map((packet) => generate(packet))));
  }

  /** The next packet; fails if the hub closes instead. */
  async next(): Promise<Packet> {
    for (;;) {
      const packet = this.#packets.shift();
      if (packet !== undefined) return packet;
      if (this.#state === "closed") throw new Error("the hub closed the connection");
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async nextPublish(): Promise<Received> {
    const packet = await this.next();
    if (packet.cmd !== "publish")
      throw new Error(`expected PUBLISH, got ${JSON.stringify(packet)}`);
    return { topic: packet.topic, body: packet.payload.toString(), qos: packet.qos };
  }

  async nextDelivery(): Promise<Delivered> {
    const packet = await this.next();
    if (packet.cmd !== "publish")
      throw new Error(`expected PUBLISH, got ${JSON.stringify(packet)}`);
    const { topic, payload, qos, dup, messageId } = packet;
    return { topic, body: payload.toString(), qos, id: messageId, dup };
  }

  /** PUBACK. */
  acknowledge(messageId: number | undefined): void {
    if (messageId === undefined) throw new Error("a message with QoS 0 is not acknowledged");
    this.send({ cmd: "puback", messageId });
  }

  /** Resolves when everything sent before has been read; whatever arrived by then is waiting. */
  async ping(): Promise<void> {
    this.send({ cmd: "pingreq" });
    const before: Packet[] = [];
    for (;;) {
      const packet = await this.next();
      if (packet.cmd === "pingresp") break;
      before.push(packet);
    }
    this.#packets.unshift(...before);
  }

  async subscribe(...filters: string[]): Promise<readonly number[]> {
    return this.subscribeWith(0, ...filters);
  }

  async subscribeWith(qos: 0 | 1 | 2, ...filters: string[]): Promise<readonly number[]> {
    const messageId = this.nextId();
    const subscriptions = filters.map((topic) => ({ topic, qos }));
    this.send({ cmd: "subscribe", messageId, subscriptions });
    const packet = await this.next();
    if (packet.cmd !== "suback" || packet.messageId !== messageId)
      throw new Error(`expected SUBACK, got ${JSON.stringify(packet)}`);
    return packet.granted as number[];
  }

  async unsubscribe(...unsubscriptions: string[]): Promise<void> {
    const messageId = this.nextId();
    this.send({ cmd: "unsubscribe", messageId, unsubscriptions });
    const packet = await this.next();
    if (packet.cmd !== "unsuback" || packet.messageId !== messageId)
      throw new Error(`expected UNSUBACK, got ${JSON.stringify(packet)}`);
  }

  publish(topic: string, payload: string | Buffer, options: Partial<IPublishPacket> = {}): number {
    const qos = options.qos ?? 0;
    const messageId = qos === 0 ? 0 : (options.messageId ?? this.nextId());
    const packet: IPublishPacket = {
      cmd: "publish",
      topic,
      payload,
      qos,
      dup: false,
      retain: false,
      ...options,
      ...(qos === 0 ? {} : { messageId }),
    };
    this.send(packet);
    return messageId;
  }

  nextId(): number {
    this.#packetId++;
    return this.#packetId;
  }

  /** An orderly end of the network connection without DISCONNECT. */
  end(): void {
    this.#end.end();
  }

  /** The network is gone: the hub sees a reset. */
  reset(): void {
    this.#end.destroy(new Error("reset"));
  }

  /** Stops taking what the hub sends. */
  stopReading(): void {
    this.#end.pause();
  }

  startReading(): void {
    this.#end.resume();
  }
}

export function connectPacket(options: Partial<IConnectPacket>): IConnectPacket {
  return {
    cmd: "connect",
    protocolId: "MQTT",
    protocolVersion: 4,
    clean: false,
    clientId: "",
    keepalive: 180,
    ...options,
  };
}
