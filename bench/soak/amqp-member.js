// A device or module over AMQP, or AMQP over WebSocket: rhea, no SDK.
import rhea from "rhea";

/** @typedef {import("./model.js").Member} Member */

const GET = { operation: "GET" };
const REPORTED = { operation: "PATCH", resource: "/properties/reported" };
const DESIRED = { operation: "PUT", resource: "/notifications/twin/properties/desired" };

export class AmqpMember {
  #member;
  #connection;
  #onClose;
  #isOpen = false;
  #opened;
  /** @type {() => void} */
  #resolve = () => {};
  #ending = false;
  /** Numbers of messages that are not settled. @type {Map<import("rhea").Delivery, number>} */
  #unsettled = new Map();
  /** @type {import("rhea").Sender} */
  #events;
  /** @type {import("rhea").Sender} */
  #twin;
  /** @type {import("rhea").Sender} */
  #answers;

  /** @param {Member} member @param {import("rhea").ConnectionOptions} options where to connect, and as whom @param {() => void} onClose called once */
  constructor(member, options, onClose) {
    this.#member = member;
    this.#onClose = onClose;
    this.#opened = new Promise((resolve) => {
      this.#resolve = () => resolve(undefined);
    });
    const container = rhea.create_container();
    for (const event of ["error", "protocol_error", "session_error", "connection_error"])
      container.on(event, () => {});
    this.#connection = container.connect({ ...options, reconnect: false, idle_time_out: 120_000 });
    this.#connection.on("disconnected", () => this.#ended());
    this.#connection.on("connection_close", () => this.#ended());
    const path = member.path("devices");
    this.#events = this.#connection.open_sender(`${path}/messages/events`);
    this.#events.on("accepted", ({ delivery }) => {
      const n = delivery === undefined ? undefined : this.#unsettled.get(delivery);
      if (delivery === undefined || n === undefined) return;
      this.#unsettled.delete(delivery);
      member.wasAcknowledged(n);
    });
    const properties = { "com.microsoft:channel-correlation-id": `${member.index}-twin` };
    this.#twin = this.#connection.open_sender({ target: { address: `${path}/twin` }, properties });
    this.#receiver(`${path}/twin`, properties, (message) => this.#twinSays(message));
    const channel = { "com.microsoft:channel-correlation-id": `${member.index}-methods` };
    const methods = `${path}/methods/devicebound`;
    this.#answers = this.#connection.open_sender({
      target: { address: methods },
      properties: channel,
    });
    this.#receiver(methods, channel, (message) => this.#called(message));
    if (!member.isModule) {
      this.#receiver(`${path}/messages/devicebound`, {}, (message) =>
        member.received(textOf(message)),
      );
    }
    this.#twin.once("sendable", () => {
      this.#twin.send({ correlation_id: "d", message_annotations: DESIRED, body: " " });
    });
  }

  /** Resolves when it is ready or has failed. */
  get opened() {
    return this.#opened;
  }

  get isOpen() {
    return this.#isOpen;
  }

  sendMessage() {
    if (!this.#events.sendable()) return;
    const { n, body } = this.#member.nextMessage();
    this.#unsettled.set(this.#events.send({ body: data(body) }), n);
  }

  /** @param {Record<string, number>} patch */
  report(patch) {
    this.#member.reported.inFlight = patch;
    const body = data(JSON.stringify(patch));
    this.#twin.send({ correlation_id: "r", message_annotations: REPORTED, body });
  }

  destroy() {
    // rhea has no public way to cut a connection; a WebSocket can only be closed.
    const { socket } = /** @type {{ socket?: { destroy?(): void, end(): void } }} */ (
      /** @type {unknown} */ (this.#connection)
    );
    if (socket?.destroy === undefined) socket?.end();
    else socket.destroy();
    this.#ended();
  }

  /** @param {string} address @param {object} properties @param {(message: import("rhea").Message) => void} onMessage */
  #receiver(address, properties, onMessage) {
    const receiver = this.#connection.open_receiver({
      source: { address },
      properties,
      credit_window: 20,
    });
    receiver.on("message", ({ message }) => {
      if (message !== undefined) onMessage(message);
    });
  }

  /** @param {import("rhea").Message} message */
  #twinSays(message) {
    const member = this.#member;
    const { correlation_id: id, message_annotations: annotations = {} } = message;
    const { status, version } = annotations;
    if (id === undefined || id === null) {
      const text = textOf(message);
      if (text !== "") member.heard(JSON.parse(text));
    } else if (status !== 200) member.problem(`twin ${String(id)}: ${status} ${textOf(message)}`);
    else if (id === "d") {
      this.#twin.send({ correlation_id: "g", message_annotations: GET, body: " " });
    } else if (id === "g") {
      member.readTwin(JSON.parse(textOf(message)));
      this.#isOpen = true;
      this.#resolve();
    } else if (id === "r") {
      member.reported.acknowledged(Number(version), (text) => member.problem(`reported ${text}`));
    }
  }

  /** @param {import("rhea").Message} message */
  #called(message) {
    const body = textOf(message);
    this.#member.wasCalled(JSON.parse(body).id);
    this.#answers.send({
      correlation_id: message.correlation_id ?? "",
      application_properties: { "IoThub-status": rhea.types.wrap_int(200) },
      body: data(body),
    });
  }

  #ended() {
    if (this.#ending) return;
    this.#ending = true;
    this.#isOpen = false;
    this.#member.disconnected();
    this.#resolve();
    this.#onClose();
  }
}

/** @param {string} text */
function data(text) {
  return rhea.message.data_section(Buffer.from(text));
}

/** @param {import("rhea").Message} message */
export function textOf({ body }) {
  const { content } = /** @type {{ content?: Buffer | Buffer[] }} */ (body ?? {});
  return content === undefined ? "" : Buffer.concat([content].flat()).toString();
}
