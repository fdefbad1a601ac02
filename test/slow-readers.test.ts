import { mkdtemp, rm } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import rhea, { type Connection, type ConnectionOptions, type EventContext } from "rhea";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { type TestHub, startHub } from "../src/testing/index.ts";
import { createSasToken } from "../src/wire/sas-token.ts";
import { heldMemory } from "./support/memory.ts";

const megabyte = 1024 * 1024;
/** What is stored is far more than the kernel's buffers take and the hub's may hold for one reader. */
const count = 200;
const bodyBytes = 200_000;
/** For the hub's buffers and the reader's own, which share this process. */
const mostGrowth = 16 * megabyte;

let hub: TestHub;
let dataDir: string;

beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), "twinhub-slow-"));
  // On the disk: in memory the log itself would be what grows.
  hub = await startHub({ dataDir, partitions: 1 });
  await hub.createDevice("d1");
  await hub.createModule("d1", "m1");
  const text = "x".repeat(bodyBytes);
  for (let n = 0; n < count; n++) {
    const { status } = await hub.call("POST", "/devices/d1/messages/events", { n, text });
    expect(status).toBe(204);
  }
}, 120_000);
afterAll(async () => {
  await hub.stop();
  await rm(dataDir, { recursive: true, force: true });
});

interface Reader {
  readonly connection: Connection;
  /** Stops and goes on reading what the hub sends. */
  pause(): void;
  resume(): void;
}

function credentials(): Pick<ConnectionOptions, "username" | "password"> {
  const key = /SharedAccessKey=(.*)$/.exec(hub.connectionString)?.[1] ?? "";
  const expiry = Math.floor(hub.clock.now() / 1000) + 3600;
  return {
    username: `iothubowner@sas.root.${hub.hostName}`,
    password: createSasToken({ resource: hub.hostName, key, expiry, policy: "iothubowner" }),
  };
}

function overTls(): Reader {
  const connection = rhea.create_container().connect({
    ...credentials(),
    transport: "tls",
    host: "127.0.0.1",
    servername: "",
    port: hub.ports.amqps,
    ca: hub.caPem,
    reconnect: false,
  });
  const socket = (): Socket => (connection as unknown as { readonly socket: Socket }).socket;
  return { connection, pause: () => socket().pause(), resume: () => socket().resume() };
}

function overWebSocket(): Reader {
  const opened: WebSocket[] = [];
  class Kept extends WebSocket {
    constructor(url: string, protocols: string[], options: object) {
      super(url, protocols, options);
      opened.push(this);
    }
  }
  const url = `wss://127.0.0.1:${hub.ports.https}/$iothub/websocket`;
  const connect = rhea.websocket_connect(Kept as never) as (...of: unknown[]) => unknown;
  const details = connect(url, ["AMQPWSB10"], { ca: hub.caPem });
  const options = { ...credentials(), connection_details: details, reconnect: false };
  const connection = rhea.create_container().connect(options as ConnectionOptions);
  return { connection, pause: () => opened[0]?.pause(), resume: () => opened[0]?.resume() };
}

const failures = ["receiver_error", "session_error", "connection_error", "disconnected"];

/** A line of it: the error itself refers to all that rhea holds. */
function whyOf({ error, receiver, connection }: EventContext): string {
  const known = error ?? receiver?.error ?? connection.error;
  return known === undefined ? "disconnected" : (known as Error).message;
}

/** Reads the whole log; stops reading after the first message if `heldBy` says so, and goes on when it is over. */
async function readAll(reader: Reader, heldBy?: () => Promise<void>): Promise<number[]> {
  const { connection } = reader;
  const name = /EntityPath=([^;]+)/.exec(hub.eventHubConnectionString ?? "")?.[1] ?? "";
  const address = `${name}/ConsumerGroups/$Default/Partitions/0`;
  const read: number[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      const receiver = connection.open_receiver({ source: { address }, credit_window: count });
      const failed = (context: EventContext): void => reject(new Error(whyOf(context)));
      for (const event of failures) connection.on(event, failed);
      receiver.on("message", ({ message }) => {
        read.push((JSON.parse(String(message?.body.content)) as { n: number }).n);
        if (read.length === 1 && heldBy !== undefined) {
          reader.pause();
          heldBy().then(() => reader.resume(), reject);
        }
        if (read.length === count) resolve();
      });
    });
  } finally {
    connection.close();
  }
  return read;
}

/** What is held once nothing of an ended connection goes any more. */
function settledMemory(): Promise<number> {
  let last = Number.POSITIVE_INFINITY;
  return vi.waitFor(
    () => {
      const [before, now] = [last, heldMemory()];
      last = now;
      expect(Math.abs(now - before)).toBeLessThan(megabyte);
      return now;
    },
    { interval: 200 },
  );
}

const transports = [
  { transport: "TLS", open: overTls },
  { transport: "a WebSocket", open: overWebSocket },
];

describe.each(transports)("a reader of events over AMQP and $transport", ({ open }) => {
  it("costs little memory while it reads nothing, and misses nothing when it goes on", async () => {
    const inOrder = Array.from({ length: count }, (_, n) => n);
    expect(await readAll(open())).toEqual(inOrder);
    const before = await settledMemory();
    const slow = await readAll(open(), async () => {
      // Whoever reads beside it gets all there is: so much time the hub had to send the slow one its own.
      expect(await readAll(open())).toEqual(inOrder);
      // What the other connection leaves behind goes with its end.
      await vi.waitFor(() => expect(heldMemory() - before).toBeLessThan(mostGrowth), 30_000);
    });
    expect(slow).toEqual(inOrder);
  }, 120_000);
});
