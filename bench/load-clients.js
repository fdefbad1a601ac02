// Who takes part in the scenario "load": modules over MQTT, services over HTTPS, and what they count.
import https from "node:https";
import mqtt from "mqtt-packet";

import { Histogram } from "./generator/histogram.js";
import { sasToken } from "./sas.js";

/** @typedef {import("./targets/hub.js").HubTarget} HubTarget */

/** Requests of services that may wait for an answer; beyond, none is sent. */
const MAX_REQUESTS = 64;
const API_VERSION = "2021-04-12";

const DESIRED_TOPIC = "$iothub/twin/PATCH/properties/desired/";
const METHOD_TOPIC = "$iothub/methods/POST/";
const FILTERS = ["$iothub/twin/res/#", `${DESIRED_TOPIC}#`, `${METHOD_TOPIC}#`];
const BODY = Buffer.from(`{"temperature":21.5,"fill":"`.padEnd(254, "x") + '"}');

export class Counts {
  telemetry = new Histogram();
  desired = new Histogram();
  methods = new Histogram();
  sent = { telemetry: 0, desired: 0, methods: 0 };
  done = { telemetry: 0, desired: 0, methods: 0 };
  /** Requests of services that were due while too many waited. */
  notMade = 0;
  /** @type {string[]} */
  failures = [];

  /** @param {"telemetry" | "desired" | "methods"} what @param {number} sentAt */
  finished(what, sentAt) {
    this.done[what]++;
    this[what].record((performance.now() - sentAt) * 1000);
  }

  /** @param {string} text */
  failed(text) {
    if (this.failures.length < 10) this.failures.push(text);
  }
}

/** One module over MQTT: sends telemetry, hears of desired changes, answers methods. */
export class LoadModule {
  identity;
  #socket;
  #counts;
  #parser = mqtt.parser();
  /** When each message was sent, by packet id. @type {Map<number, number>} */
  #unacknowledged = new Map();
  #lastId = 1;
  #closing = false;
  /** @type {() => void} */
  #ready = () => {};

  /**
   * @param {import("node:net").Socket} socket
   * @param {import("./generator/client.js").Identity} identity
   * @param {Counts} counts
   */
  constructor(socket, identity, counts) {
    this.identity = identity;
    this.#socket = socket;
    this.#counts = counts;
    socket.on("data", (chunk) => this.#parser.parse(chunk));
    socket.on("error", () => {});
    socket.on("close", () => {
      if (!this.#closing) counts.failed(`${identity.clientId}: the connection was closed`);
      this.#ready();
    });
    this.#parser.on("packet", (packet) => this.#read(packet));
  }

  /** @returns {Promise<void>} connected and subscribed */
  open() {
    const { clientId, username, password } = this.identity;
    this.#write({
      cmd: "connect",
      protocolId: "MQTT",
      protocolVersion: 4,
      clean: true,
      keepalive: 0,
      clientId,
      username,
      password: Buffer.from(password),
    });
    const subscriptions = FILTERS.map((topic) => ({ topic, qos: /** @type {const} */ (0) }));
    this.#write({ cmd: "subscribe", messageId: 1, subscriptions });
    return new Promise((resolve) => {
      this.#ready = resolve;
    });
  }

  send() {
    this.#lastId = (this.#lastId % 65_535) + 1;
    this.#unacknowledged.set(this.#lastId, performance.now());
    this.#counts.sent.telemetry++;
    const { deviceId, moduleId } = this.identity;
    this.#write({
      cmd: "publish",
      topic: `devices/${deviceId}/modules/${moduleId}/messages/events/`,
      payload: BODY,
      qos: 1,
      messageId: this.#lastId,
      retain: false,
      dup: false,
    });
  }

  close() {
    this.#closing = true;
    this.#socket.end(mqtt.generate({ cmd: "disconnect" }));
  }

  /** @param {mqtt.Packet} packet */
  #write(packet) {
    this.#socket.write(mqtt.generate(packet));
  }

  /** @param {mqtt.Packet} packet */
  #read(packet) {
    if (packet.cmd === "suback") this.#ready();
    else if (packet.cmd === "puback") {
      const sentAt = this.#unacknowledged.get(packet.messageId ?? 0);
      this.#unacknowledged.delete(packet.messageId ?? 0);
      if (sentAt !== undefined) this.#counts.finished("telemetry", sentAt);
    } else if (packet.cmd === "publish") this.#heard(packet.topic, String(packet.payload));
  }

  /** @param {string} topic @param {string} body */
  #heard(topic, body) {
    if (topic.startsWith(DESIRED_TOPIC)) {
      this.#counts.finished("desired", Number(JSON.parse(body).sentAt));
    } else if (topic.startsWith(METHOD_TOPIC)) {
      const rid = topic.slice(topic.indexOf("$rid=") + 5);
      const answer = `$iothub/methods/res/200/?$rid=${rid}`;
      const payload = body;
      this.#write({ cmd: "publish", topic: answer, payload, qos: 0, retain: false, dup: false });
    }
  }
}

/** A service that patches desired properties and calls methods. */
export class LoadService {
  #hub;
  #counts;
  #agent;
  #authorization;
  #waiting = 0;

  /** @param {HubTarget} hub @param {Counts} counts */
  constructor(hub, counts) {
    this.#hub = hub;
    this.#counts = counts;
    this.#agent = new https.Agent({
      keepAlive: true,
      maxSockets: 16,
      ca: hub.endpoint.ca ?? undefined,
    });
    this.#authorization = sasToken(hub.hostName, hub.policy.key, hub.policy.name);
  }

  /** @param {LoadModule} module */
  patch({ identity }) {
    this.#counts.sent.desired++;
    const body = { properties: { desired: { sentAt: performance.now() } } };
    this.#send("PATCH", `/twins/${identity.deviceId}/modules/${identity.moduleId}`, body, () => {});
  }

  /** @param {LoadModule} module */
  invoke({ identity }) {
    this.#counts.sent.methods++;
    const sentAt = performance.now();
    const path = `/twins/${identity.deviceId}/modules/${identity.moduleId}/methods`;
    const body = { methodName: "ping", payload: { sentAt } };
    this.#send("POST", path, body, () => this.#counts.finished("methods", sentAt));
  }

  close() {
    this.#agent.destroy();
  }

  /** @param {string} method @param {string} path @param {object} value @param {() => void} done */
  #send(method, path, value, done) {
    if (this.#waiting >= MAX_REQUESTS) {
      this.#counts.notMade++;
      return;
    }
    this.#waiting++;
    const body = JSON.stringify(value);
    const request = https.request(
      {
        agent: this.#agent,
        host: this.#hub.endpoint.host,
        port: this.#hub.httpsPort,
        servername: this.#hub.endpoint.serverName,
        method,
        path: `${path}?api-version=${API_VERSION}`,
        headers: {
          host: this.#hub.hostName,
          authorization: this.#authorization,
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
        },
      },
      (response) => {
        this.#waiting--;
        response.resume();
        if (response.statusCode === 200) done();
        else this.#counts.failed(`${method} ${path}: ${response.statusCode}`);
      },
    );
    request.on("error", (error) => {
      this.#waiting--;
      this.#counts.failed(`${method} ${path}: ${error.message}`);
    });
    request.end(body);
  }
}
