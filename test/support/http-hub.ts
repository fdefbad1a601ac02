import { type IncomingHttpHeaders, type Server, createServer, request } from "node:http";
import { type AddressInfo, type Socket, connect } from "node:net";
import { defaultSettings } from "../../src/app/context.ts";
import { type HubParts, createHub } from "../../src/app/create-hub.ts";
import type { HubApi } from "../../src/app/hub.ts";
import type { Log } from "../../src/app/ports.ts";
import type { Policy } from "../../src/domain/identity/policy.ts";
import type { FileStorageParts } from "../../src/app/files/find-storage.ts";
import { createMemoryBlobStore } from "../../src/stores/blobs/memory.ts";
import { createMemoryStore } from "../../src/stores/memory/store.ts";
import { systemRandom } from "../../src/system.ts";
import { MovableClock } from "../../src/testing/movable-clock.ts";
import { createSasToken } from "../../src/wire/sas-token.ts";
import { type HttpHead, type HttpHeadOptions, createHttpHead } from "../../src/heads/http/head.ts";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body's bytes. */
  readonly raw: Buffer;
  // oxlint-disable-next-line typescript/no-explicit-any -- a test reads what it expects
  readonly body: any;
}

export interface Call {
  readonly headers?: Record<string, string>;
  /** Sent as JSON; text is sent as it is. */
  readonly body?: unknown;
  /** Policy that signs; default the owner. `null`: no token. */
  readonly policy?: string | null;
}

export interface LogLine {
  readonly level: string;
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

/** A hub on the memory store behind the head, on a plain loopback listener. */
export interface HubUnderTest {
  readonly hub: HubApi;
  readonly head: HttpHead;
  readonly server: Server;
  readonly port: number;
  readonly clock: MovableClock;
  readonly log: readonly LogLine[];
  token(options?: { policy?: string; resource?: string; key?: string; expiry?: number }): string;
  /** `path` as it goes over the wire; api-version is added unless the path has a query. */
  call(method: string, path: string, options?: Call): Promise<Answer>;
  /** A bare connection, for what no HTTP client would send. */
  open(): Socket;
  stop(): Promise<void>;
}

export const hostName = "myhub.localhost";
const address = (): string => `${hostName}:8443`;

export async function startHubUnderTest(
  options: Partial<HttpHeadOptions> & {
    readonly started?: boolean;
    /** Where files go; the hub's own memory if missing, nowhere if `null`. */
    readonly fileStorage?: FileStorageParts | null;
    change?: (hub: HubApi) => HubApi;
    readonly parts?: Partial<HubParts>;
  } = {},
): Promise<HubUnderTest> {
  const clock = new MovableClock();
  const { lines, log } = recordingLog();
  const store = createMemoryStore({ clock, partitions: 1 });
  const settings = { ...defaultSettings, hostNames: [hostName] };
  const own = { kind: "own", blobs: createMemoryBlobStore({ clock }), address } as const;
  const fileStorage = options.fileStorage === null ? undefined : (options.fileStorage ?? own);
  const made = await createHub({
    store,
    clock,
    random: systemRandom,
    log,
    settings,
    fileStorage,
    ...options.parts,
  });
  const hub = options.change?.(made.api) ?? made.api;
  const head = createHttpHead({ hub, clock, random: systemRandom, log, ...options });
  const server = createServer(head.serverOptions);
  head.attach(server);
  if (options.started !== false) {
    await head.start();
    // Tests of time-outs count on an event loop that is not loading modules.
    await head.load();
  }
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const token = tokens(made.policies, clock);
  return {
    hub,
    head,
    server,
    port,
    clock,
    token,
    log: lines,
    call: (method, path, call) => send(port, token, method, path, call),
    open: () => connect(port, "127.0.0.1"),
    async stop() {
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
      await head.stop();
      await closed;
      await store.close();
    },
  };
}

function recordingLog(): { lines: LogLine[]; log: Log } {
  const lines: LogLine[] = [];
  const at = (level: string) => (fields: object, message: string) => {
    lines.push({ level, fields: { ...fields }, message });
  };
  return {
    lines,
    log: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") },
  };
}

function tokens(policies: readonly Policy[], clock: MovableClock): HubUnderTest["token"] {
  return ({ policy = "iothubowner", resource = hostName, key, expiry } = {}) =>
    createSasToken({
      resource,
      key: key ?? policies.find(({ name }) => name === policy)?.primaryKey ?? "",
      expiry: expiry ?? Math.floor(clock.now() / 1000) + 3600,
      ...(policy === "" ? {} : { policy }),
    });
}

function send(
  port: number,
  token: HubUnderTest["token"],
  method: string,
  path: string,
  { headers = {}, body, policy = "iothubowner" }: Call = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({
      host: "127.0.0.1",
      port,
      method,
      path: path.includes("?") ? path : `${path}?api-version=2021-04-12`,
      agent: false,
      headers: {
        host: hostName,
        ...(policy === null ? {} : { authorization: token({ policy }) }),
        ...headers,
      },
    });
    sent.on("error", reject);
    sent.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const raw = Buffer.concat(chunks);
        const text = raw.toString();
        const isJson = /\bjson\b/.test(response.headers["content-type"] ?? "");
        const parsed: unknown = isJson && text !== "" ? JSON.parse(text) : undefined;
        const { statusCode: status = 0 } = response;
        resolve({ status, headers: response.headers, text, raw, body: parsed });
      });
    });
    sent.end(
      body === undefined || typeof body === "string" || body instanceof Uint8Array
        ? body
        : JSON.stringify(body),
    );
  });
}
