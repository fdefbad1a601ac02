import { createRequire } from "node:module";
import type {
  Connection,
  Container,
  Delivery,
  EventContext,
  Message,
  Receiver,
  Sender,
  SenderOptions,
  ReceiverOptions,
  Session,
} from "rhea";
import type { SocketEnd } from "../../../../test/support/socket-pair.ts";

// The library as every other program has it, and not the head's own instance.
const rhea = createRequire(import.meta.url)("rhea") as Container;

export const { types, message: messages } = rhea;

export interface Failure {
  readonly condition: string;
  readonly description: string;
}

/** An AMQP client over a connection in memory. */
export class AmqpClient {
  readonly connection: Connection;
  session!: Session;
  /** Resolves with the error, if any, when the hub has closed or the stream is gone. */
  readonly closed: Promise<Failure | undefined>;
  #cbs: { sender: Sender; receiver: Receiver } | undefined;
  #requests = 0;

  private constructor(stream: SocketEnd, options: object) {
    const container = rhea.create_container({
      id: "test-client",
      autoaccept: false,
      reconnect: false,
    });
    for (const event of [
      "error",
      "protocol_error",
      "disconnected",
      "connection_error",
      "session_error",
    ])
      container.on(event, () => undefined);
    this.connection = container.create_connection({
      container_id: "test-client",
      reconnect: false,
      autoaccept: false,
      ...options,
      connection_details: () => ({
        host: "hub",
        port: 5671,
        options: {},
        connect: (_port: unknown, _host: unknown, _options: unknown, connected: () => void) => {
          setImmediate(connected);
          return stream;
        },
      }),
    } as never);
    this.closed = new Promise((resolve) => {
      this.connection.on("connection_close", () =>
        resolve(this.connection.error as Failure | undefined),
      );
      stream.on("close", () => resolve(this.connection.error as Failure | undefined));
    });
  }

  static async open(stream: SocketEnd, options: object = {}): Promise<AmqpClient> {
    const client = new AmqpClient(stream, options);
    const opened = once(client.connection, "connection_open");
    client.connection.connect();
    await Promise.race([
      opened,
      client.closed.then((error) => {
        throw new Error(`closed: ${JSON.stringify(error ?? null)}`);
      }),
    ]);
    client.session = client.newSession();
    return client;
  }

  newSession(): Session {
    const session = this.connection.create_session();
    session.on("session_error", () => undefined);
    session.begin();
    return session;
  }

  /** A link on which the client sends; rejects with the hub's error if it is refused. */
  sender(address: string, options: SenderOptions = {}, session = this.session): Promise<Sender> {
    const link = session.open_sender({ target: { address }, ...options });
    return attached(link, "sender") as Promise<Sender>;
  }

  /** A link on which the client receives, with credit for 100 unless told otherwise. */
  receiver(
    address: string,
    options: ReceiverOptions = {},
    session = this.session,
  ): Promise<Receiver> {
    const link = session.open_receiver({
      source: { address },
      credit_window: 100,
      ...options,
    });
    return attached(link, "receiver") as Promise<Receiver>;
  }

  /** Puts a token on `$cbs`, over links that are opened at the first use. */
  async putToken(
    token: string,
    messageId: string | number | Buffer = `request ${++this.#requests}`,
  ): Promise<{ status: number; description: string; correlationId: unknown }> {
    this.#cbs ??= {
      sender: await this.sender("$cbs"),
      receiver: await this.receiver("$cbs"),
    };
    const { sender, receiver } = this.#cbs;
    const answer = nextMessage(receiver);
    sender.send({
      message_id: messageId as string,
      application_properties: {
        operation: "put-token",
        type: "servicebus.windows.net:sastoken",
        name: "whatever",
      },
      body: token,
    });
    const { application_properties: properties, correlation_id } = await answer;
    return {
      status: properties?.["status-code"],
      description: properties?.["status-description"],
      correlationId: correlation_id,
    };
  }

  close(): void {
    this.connection.close();
  }
}

export function once(
  emitter: { once(event: string, listener: (context: EventContext) => void): unknown },
  event: string,
): Promise<EventContext> {
  return new Promise((resolve) => emitter.once(event, resolve));
}

export async function nextMessage(receiver: Receiver): Promise<Message> {
  const { message } = await once(receiver, "message");
  if (message === undefined) throw new Error("no message");
  return message;
}

/** Resolves when the hub has accepted; rejects with its error otherwise. */
export function outcomeOf(sender: Sender, delivery: Delivery): Promise<string> {
  return new Promise((resolve, reject) => {
    const listen = (event: string, done: (context: EventContext) => void): void => {
      const listener = (context: EventContext): void => {
        if (context.delivery !== delivery) return;
        sender.removeListener(event, listener);
        done(context);
      };
      sender.on(event, listener);
    };
    for (const event of ["accepted", "released", "modified"]) listen(event, () => resolve(event));
    listen("rejected", () => {
      const { error } = delivery.remote_state as { error: Failure };
      reject(Object.assign(new Error(error.description), { condition: error.condition }));
    });
    const ended = (): void => reject(new Error("the link has ended"));
    sender.once("sender_close", ended);
    sender.session.once("session_close", ended);
    sender.connection.once("connection_close", ended);
  });
}

/** Sends a message with one data section. */
export function send(
  sender: Sender,
  body: string | Buffer,
  more: Partial<Message> = {},
): Promise<string> {
  const message: Message = { ...more, body: messages.data_section(Buffer.from(body)) };
  return outcomeOf(sender, sender.send(message));
}

export function textOf(message: Message): string {
  const { content } = message.body as { content: Buffer | Buffer[] };
  return Buffer.concat([content].flat()).toString();
}

function attached(
  link: Sender | Receiver,
  kind: "sender" | "receiver",
): Promise<Sender | Receiver> {
  return new Promise((resolve, reject) => {
    link.on(`${kind}_error`, () => undefined);
    link.once(`${kind}_close`, () => {
      const { condition, description } = (link.error ?? {}) as Partial<Failure>;
      reject(Object.assign(new Error(description ?? "closed"), { condition }));
    });
    link.once(`${kind}_open`, () => {
      // A refused attach has no termini; its detach follows.
      const address = kind === "sender" ? link.target?.address : link.source?.address;
      if (address !== undefined && address !== null) resolve(link);
    });
  });
}
