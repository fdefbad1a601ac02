// A device or module over MQTT, or MQTT over WebSocket: a socket and a codec, no SDK.
import mqtt from "mqtt-packet";

/** @typedef {import("./model.js").Member} Member */

const TWIN = "$iothub/twin/res/";
const DESIRED = "$iothub/twin/PATCH/properties/desired/";
const METHOD = "$iothub/methods/POST/";
const FAULT =
  "AzIoTHub_FaultOperationType=KillTcp&AzIoTHub_FaultOperationCloseReason=byDesign&AzIoTHub_FaultOperationDelayInSecs=0&AzIoTHub_FaultOperationDurationInSecs=0";

export class MqttMember {
  #member;
  #stream;
  #parser = mqtt.parser();
  #lastId = 1;
  /** Numbers of messages by packet id. @type {Map<number, number>} */
  #unacknowledged = new Map();
  #onClose;
  #isOpen = false;
  #opened;
  /** @type {() => void} */
  #resolve = () => {};

  /** @param {Member} member @param {import("node:stream").Duplex} stream @param {() => void} onClose called once */
  constructor(member, stream, onClose) {
    this.#member = member;
    this.#stream = stream;
    this.#onClose = onClose;
    this.#opened = new Promise((resolve) => {
      this.#resolve = () => resolve(undefined);
    });
    stream.on("error", () => {});
    stream.on("data", (chunk) => this.#parser.parse(chunk));
    stream.once("close", () => this.#ended());
    // A WebSocket whose peer was killed ends to be read, and is not closed before somebody writes.
    stream.once("end", () => stream.destroy());
    this.#parser.on("packet", (packet) => this.#received(packet));
    this.#parser.on("error", (error) => member.problem(`sent what is not MQTT: ${error.message}`));
    this.#open();
  }

  /** Resolves when it is ready or has failed. */
  get opened() {
    return this.#opened;
  }

  get isOpen() {
    return this.#isOpen;
  }

  sendMessage() {
    const { n, body } = this.#member.nextMessage();
    this.#lastId = (this.#lastId % 65_000) + 1;
    this.#unacknowledged.set(this.#lastId, n);
    this.#publish(this.#topic(), body, this.#lastId);
  }

  /** @param {Record<string, number>} patch */
  report(patch) {
    this.#member.reported.inFlight = patch;
    this.#publish("$iothub/twin/PATCH/properties/reported/?$rid=r", JSON.stringify(patch), 0);
  }

  /** Asks the hub to cut the connection. */
  fault() {
    this.#publish(`${this.#topic()}${FAULT}`, "", 0);
  }

  /** Stops reading, for ever. */
  freeze() {
    this.#stream.pause();
  }

  destroy() {
    this.#stream.destroy();
  }

  #topic() {
    return `${this.#member.path("devices").slice(1)}/messages/events/`;
  }

  #open() {
    const { clientId, username, password, deviceId } = this.#member.identity;
    const topics = [`${TWIN}#`, `${DESIRED}#`, `${METHOD}#`];
    this.#write({
      cmd: "connect",
      protocolId: "MQTT",
      protocolVersion: 4,
      clean: true,
      keepalive: 240,
      clientId,
      username,
      password: Buffer.from(password),
    });
    const subscriptions = topics.map((topic) => ({ topic, qos: /** @type {0 | 1} */ (0) }));
    if (!this.#member.isModule)
      subscriptions.push({ topic: `devices/${deviceId}/messages/devicebound/#`, qos: 1 });
    this.#write({ cmd: "subscribe", messageId: 65_535, subscriptions });
    this.#publish("$iothub/twin/GET/?$rid=g", "", 0);
  }

  /** @param {string} topic @param {string} payload @param {number} messageId 0 for QoS 0 */
  #publish(topic, payload, messageId) {
    const qos = messageId === 0 ? 0 : 1;
    const id = messageId === 0 ? {} : { messageId };
    this.#write({ cmd: "publish", topic, payload, qos, retain: false, dup: false, ...id });
  }

  /** @param {mqtt.Packet} packet */
  #write(packet) {
    if (!this.#stream.destroyed) this.#stream.write(mqtt.generate(packet));
  }

  /** @param {mqtt.Packet} packet */
  #received(packet) {
    switch (packet.cmd) {
      case "connack":
        if (packet.returnCode !== 0) this.#member.problem(`was refused with ${packet.returnCode}`);
        return;
      case "puback": {
        const n = this.#unacknowledged.get(packet.messageId ?? 0);
        this.#unacknowledged.delete(packet.messageId ?? 0);
        if (n !== undefined) this.#member.wasAcknowledged(n);
        return;
      }
      case "publish":
        this.#heard(packet.topic, String(packet.payload), packet.messageId);
        return;
      default:
    }
  }

  /** @param {string} topic @param {string} body @param {number | undefined} messageId */
  #heard(topic, body, messageId) {
    const member = this.#member;
    if (topic.startsWith(DESIRED)) member.heard(JSON.parse(body));
    else if (topic.startsWith(METHOD)) {
      const rid = topic.slice(topic.indexOf("$rid=") + 5);
      member.wasCalled(JSON.parse(body).id);
      this.#publish(`$iothub/methods/res/200/?$rid=${rid}`, body, 0);
    } else if (topic.startsWith(`${TWIN}200/?$rid=g`)) {
      member.readTwin(JSON.parse(body));
      this.#isOpen = true;
      this.#resolve();
    } else if (topic.startsWith(`${TWIN}204/?$rid=r`)) {
      const version = Number(/\$version=(\d+)/.exec(topic)?.[1]);
      member.reported.acknowledged(version, (text) => member.problem(`reported ${text}`));
    } else if (topic.startsWith(TWIN)) member.problem(`${topic}: ${body}`);
    else if (messageId !== undefined) {
      member.received(body);
      this.#write({ cmd: "puback", messageId });
    }
  }

  #ended() {
    this.#isOpen = false;
    this.#member.disconnected();
    this.#resolve();
    this.#onClose();
  }
}
