// The devices and modules of a soak: registered, connected over all protocols, cut off and back again.
import net from "node:net";
import tls from "node:tls";
import rhea from "rhea";
import { createWebSocketStream, WebSocket } from "ws";

import { sasToken } from "../sas.js";
import { AmqpMember } from "./amqp-member.js";
import { HttpsMember } from "./https-member.js";
import { Member } from "./model.js";
import { MqttMember } from "./mqtt-member.js";

/** @typedef {import("./hub.js").SoakHub} SoakHub */
/** @typedef {import("./model.js").Protocol} Protocol */
/** @typedef {MqttMember | AmqpMember | HttpsMember} Client */

const API_VERSION = "2021-04-12";
/** A device and nine modules of it. */
const PER_DEVICE = 10;
const ENTRIES = 100;
const CONNECTING = 24;
/** Of ten identities. @type {readonly Protocol[]} */
const PROTOCOLS = [
  "mqtt",
  "mqtt-ws",
  "amqp",
  "mqtt",
  "https",
  "mqtt",
  "amqp-ws",
  "mqtt",
  "mqtt-ws",
  "amqp",
];

export class Fleet {
  members;
  #hub;
  #rest;
  #secureContext;
  /** @type {Map<Member, Client>} */
  #clients = new Map();
  /** @type {Set<Member>} that nobody reconnects */
  #left = new Set();
  #stopped = false;
  ends = 0;
  opens = 0;
  /** Since when each is connected. @type {Map<Member, number>} */
  #since = new Map();

  /** @param {SoakHub} hub @param {import("./rest.js").Rest} rest @param {number} count @param {import("./model.js").Problems} problems */
  constructor(hub, rest, count, problems) {
    this.#hub = hub;
    this.#rest = rest;
    this.#secureContext = tls.createSecureContext({ ca: hub.ca });
    this.members = Array.from({ length: count }, (_, index) => {
      const device = Math.floor(index / PER_DEVICE);
      // The device of a group takes another protocol in each group.
      const protocol = PROTOCOLS[(index + device) % PROTOCOLS.length] ?? "mqtt";
      return new Member(identityOf(hub, index), protocol, index, problems);
    });
  }

  get devices() {
    return this.members.filter(({ isModule }) => !isModule);
  }

  async register() {
    const authentication = {
      type: "sas",
      symmetricKey: { primaryKey: KEY, secondaryKey: KEY },
    };
    const entries = this.members.map(({ identity: { deviceId, moduleId }, isModule }) => ({
      id: deviceId,
      ...(isModule && { moduleId }),
      importMode: "create",
      status: "enabled",
      authentication,
    }));
    for (let at = 0; at < entries.length; at += ENTRIES) {
      const body = JSON.stringify(entries.slice(at, at + ENTRIES));
      const { status, text } = await this.#rest.call("POST", "/devices", { body });
      if (status !== 200) throw new Error(`register: ${status} ${text}`);
    }
  }

  async connect() {
    for (let at = 0; at < this.members.length; at += CONNECTING)
      await Promise.all(
        this.members.slice(at, at + CONNECTING).map((member) => this.#open(member)),
      );
  }

  /** The client, if it is ready. @param {Member} member */
  client(member) {
    const client = this.#clients.get(member);
    return client?.isOpen === true ? client : undefined;
  }

  get connected() {
    return this.members.filter((member) => this.client(member) !== undefined);
  }

  /** Milliseconds for which it has been connected. @param {Member} member */
  age(member) {
    const since = this.#since.get(member);
    return since === undefined ? 0 : performance.now() - since;
  }

  /** Cuts the connections of a share of all, which come back one after the other. @param {number} share */
  storm(share) {
    for (const member of this.members)
      if (Math.random() < share) this.#clients.get(member)?.destroy();
  }

  /** It stops to read and to send. @param {Member} member */
  freeze(member) {
    const client = this.#clients.get(member);
    if (!(client instanceof MqttMember)) return;
    this.#left.add(member);
    client.freeze();
  }

  /** @param {Member} member */
  isLeft(member) {
    return this.#left.has(member);
  }

  stop() {
    this.#stopped = true;
    for (const client of this.#clients.values()) client.destroy();
  }

  /** @param {Member} member */
  async #open(member) {
    if (this.#stopped) return;
    const client = this.#dial(member, () => {
      this.ends++;
      this.#since.delete(member);
      if (this.#left.has(member)) return;
      setTimeout(() => void this.#open(member), 300 + Math.random() * 3000);
    });
    this.#clients.set(member, client);
    await client.opened;
    if (!client.isOpen) return;
    this.opens++;
    this.#since.set(member, performance.now());
  }

  /** @param {Member} member @param {() => void} onClose @returns {Client} */
  #dial(member, onClose) {
    const { host, hostName, ports, ca } = this.#hub;
    const { deviceId, moduleId, password } = member.identity;
    const url = `wss://${hostName}:${ports.https}/$iothub/websocket`;
    const lookup = (
      /** @type {string} */ _,
      /** @type {unknown} */ options,
      /** @type {any} */ done,
    ) =>
      options !== null && typeof options === "object" && "all" in options && options.all === true
        ? done(null, [{ address: host, family: 4 }])
        : done(null, host, 4);
    const path = member.isModule ? `${deviceId}/modules/${moduleId}` : deviceId;
    const username = `${path}@sas.${hostName}`;
    const secureContext = this.#secureContext;
    switch (member.protocol) {
      case "mqtt": {
        const socket = tls.connect({
          host,
          port: ports.mqtts,
          servername: hostName,
          secureContext,
        });
        return new MqttMember(member, socket, onClose);
      }
      case "mqtt-ws": {
        const socket = new WebSocket(url, ["mqtt"], { ca, lookup });
        socket.on("error", () => {});
        return new MqttMember(member, createWebSocketStream(socket), onClose);
      }
      case "amqp": {
        const options = {
          transport: /** @type {"tls"} */ ("tls"),
          host,
          port: ports.amqps,
          servername: hostName,
          ca,
        };
        return new AmqpMember(member, { ...options, username, password }, onClose);
      }
      case "amqp-ws": {
        const connect = rhea.websocket_connect(WebSocket);
        const details = connect(url, ["AMQPWSB10"], /** @type {any} */ ({ ca, lookup }));
        const options = /** @type {any} */ ({ connection_details: details, username, password });
        return new AmqpMember(member, options, onClose);
      }
      case "https":
        return new HttpsMember(member, this.#rest);
    }
  }
}

const KEY = Buffer.alloc(32, 7).toString("base64");

/** @param {SoakHub} hub @param {number} index */
function identityOf({ hostName }, index) {
  const deviceId = `soak-${Math.floor(index / PER_DEVICE)}`;
  const moduleId = index % PER_DEVICE === 0 ? "" : `m${index % PER_DEVICE}`;
  const path = moduleId === "" ? deviceId : `${deviceId}/modules/${moduleId}`;
  const clientId = moduleId === "" ? deviceId : `${deviceId}/${moduleId}`;
  return {
    deviceId,
    moduleId,
    clientId,
    username: `${hostName}/${clientId}/?api-version=${API_VERSION}`,
    password: sasToken(`${hostName}/devices/${path}`, KEY),
  };
}

/** Resolves when nobody listens on the port any more. @param {string} host @param {number} port */
export function isClosed(host, port) {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(false);
    });
    socket.once("error", () => resolve(true));
  });
}
