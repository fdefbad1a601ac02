// Reads the whole event log while it is written, as an Event Hubs client does, and resumes behind what it has.
import rhea from "rhea";

import { sasToken } from "../sas.js";
import { textOf } from "./amqp-member.js";

/** @typedef {import("./hub.js").SoakHub} SoakHub */

const PARTITIONS = 4;
const CREDIT = 500;

export class Reader {
  #hub;
  #onMessage;
  #problem;
  /** The offset of the last message, by partition. */
  #offsets = Array.from({ length: PARTITIONS }, () => "-1");
  #sequences = Array.from({ length: PARTITIONS }, () => -1);
  /** @type {import("rhea").Connection | undefined} */
  #connection;
  #isClosing = false;
  count = 0;

  /** @param {SoakHub} hub @param {(text: string) => void} onMessage @param {(text: string) => void} problem */
  constructor(hub, onMessage, problem) {
    this.#hub = hub;
    this.#onMessage = onMessage;
    this.#problem = problem;
  }

  open() {
    const connection = connectAsOwner(this.#hub);
    this.#connection = connection;
    connection.once("disconnected", () => {
      if (!this.#isClosing) setTimeout(() => this.open(), 500);
    });
    for (let partition = 0; partition < PARTITIONS; partition++) this.#read(connection, partition);
  }

  close() {
    this.#isClosing = true;
    this.#connection?.close();
  }

  /** @param {import("rhea").Connection} connection @param {number} partition */
  #read(connection, partition) {
    const offset = this.#offsets[partition];
    const filter = rhea.filter.selector(`amqp.annotation.x-opt-offset > '${offset}'`);
    const address = partitionOf(this.#hub, partition);
    const receiver = connection.open_receiver({
      source: { address, filter },
      credit_window: CREDIT,
    });
    receiver.on("message", ({ message }) => {
      if (message === undefined) return;
      const annotations = message.message_annotations ?? {};
      const sequence = Number(annotations["x-opt-sequence-number"]);
      const last = this.#sequences[partition] ?? -1;
      if (sequence !== last + 1)
        this.#problem(`partition ${partition}: message ${sequence} came after ${last}`);
      this.#sequences[partition] = sequence;
      this.#offsets[partition] = String(annotations["x-opt-offset"]);
      this.count++;
      this.#onMessage(textOf(message));
    });
  }
}

/** A reader that takes a message a second, of a partition that grows much faster. @param {SoakHub} hub */
export function readSlowly(hub) {
  const connection = connectAsOwner(hub);
  const address = partitionOf(hub, 0);
  const receiver = connection.open_receiver({ source: { address }, credit_window: 0 });
  const timer = setInterval(() => {
    if (receiver.is_open()) receiver.add_credit(1);
  }, 1000);
  return () => {
    clearInterval(timer);
    connection.close();
  };
}

/** @param {SoakHub} hub @param {number} partition */
function partitionOf({ hostName }, partition) {
  return `${hostName.split(".", 1)[0]}/ConsumerGroups/$Default/Partitions/${partition}`;
}

/** @param {SoakHub} hub */
function connectAsOwner(hub) {
  const { name, key } = hub.owner;
  const container = rhea.create_container();
  for (const event of ["error", "protocol_error", "session_error", "connection_error"])
    container.on(event, () => {});
  return container.connect({
    transport: "tls",
    host: hub.host,
    port: hub.ports.amqps,
    servername: hub.hostName,
    ca: hub.ca,
    username: `${name}@sas.root.${hub.hostName}`,
    password: sasToken(hub.hostName, key, name),
    reconnect: false,
  });
}
