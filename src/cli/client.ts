import { type RequestOptions, request as httpsRequest } from "node:https";
import type { Json, JsonObject } from "../domain/json.ts";
import { isObject } from "../domain/json.ts";
import type { IdentityKey } from "../domain/identity/key.ts";
import { createSasToken } from "../wire/sas-token.ts";
import { CliError } from "./cli-error.ts";
import { connectionFailure, refusal } from "./failures.ts";
import type { Target } from "./target.ts";

/** The version of the REST API that the commands speak (spec/rest §4). */
const apiVersion = "2021-04-12";

/** Longest wait for an answer, in milliseconds. */
const answerTimeout = 30_000;

/** Largest answer, in bytes: a thousand devices with everything take about one million. */
const maxAnswerSize = 16 * 1024 * 1024;

/** A command's token ends soon: it is used at once. Seconds. */
const tokenLifetime = 300;

export interface Answer {
  readonly body: Json;
  /** Without quotes. */
  readonly etag: string | undefined;
}

export interface RequestInput {
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: JsonObject;
  /** A body that is no JSON, instead of `body`. */
  readonly bytes?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** Longest wait for an answer, in milliseconds; half a minute if missing. */
  readonly timeout?: number;
  /** Of the token that proves this request, in seconds; a few minutes if missing. */
  readonly tokenLifetime?: number;
  /** Without quotes; `*` for whatever is there. */
  readonly ifMatch?: string | undefined;
}

type Method = "GET" | "PUT" | "PATCH" | "POST" | "DELETE";

/** The hub's public REST API (spec/rest §8). Failures are `CliError`s. */
export class HubClient {
  readonly target: Target;
  readonly #now: () => number;

  constructor(target: Target, now: () => number) {
    this.target = target;
    this.#now = now;
  }

  /** The body of an answer that has to be an object. */
  async object(method: Method, path: string, input?: RequestInput): Promise<JsonObject> {
    const { body } = await this.request(method, path, input);
    if (isObject(body)) return body;
    throw new CliError(`The hub's answer to ${method} ${path} is not an object`);
  }

  /** The body of an answer that has to be an array. */
  async list(path: string, query?: Readonly<Record<string, string>>): Promise<readonly Json[]> {
    const { body } = await this.request("GET", path, query === undefined ? {} : { query });
    if (Array.isArray(body)) return body;
    throw new CliError(`The hub's answer to GET ${path} is not a list`);
  }

  async request(method: Method, path: string, input: RequestInput = {}): Promise<Answer> {
    const { headers, bytes } = await this.raw(method, path, input);
    const body = parseBody(bytes.toString("utf8"));
    return { body, etag: headers.etag?.replace(/^"(.*)"$/, "$1") };
  }

  /** The answer as it came, for what is no JSON. */
  async raw(method: Method, path: string, input: RequestInput = {}): Promise<RawAnswer> {
    const answer = await this.#send(method, path, input);
    const { status, headers, bytes } = answer;
    if (status >= 200 && status < 300) return answer;
    const name = headers["iothub-errorcode"];
    throw refusal(status, typeof name === "string" ? name : undefined, bytes.toString("utf8"));
  }

  /**
   * Reads server-sent events until the hub ends the stream or `stop` does; each event is given to `take` with its fields.
   * `connected` is called when the hub has begun to answer.
   */
  async events(
    path: string,
    input: RequestInput & { readonly stop: AbortSignal; readonly connected?: () => void },
    take: (fields: ReadonlyMap<string, string>) => void,
  ): Promise<void> {
    const { hostName, port } = this.target;
    const options = this.#options("GET", path, input);
    await readEvents({ ...options, signal: input.stop }, input.connected, take).catch(
      (error: unknown) => {
        if (input.stop.aborted) return;
        throw connectionFailure(error, `${hostName}:${port}`);
      },
    );
  }

  #send(method: Method, path: string, input: RequestInput): Promise<RawAnswer> {
    const { hostName, port } = this.target;
    const options = this.#options(method, path, input);
    return exchange(options, bodyOf(input), input.timeout ?? answerTimeout).catch(
      (error: unknown) => {
        throw connectionFailure(error, `${hostName}:${port}`);
      },
    );
  }

  #options(method: Method, path: string, input: RequestInput): RequestOptions {
    const { hostName, port, ca } = this.target;
    const query = new URLSearchParams({ "api-version": apiVersion, ...input.query });
    const body = bodyOf(input);
    return {
      method,
      host: hostName,
      port,
      path: `${path}?${query.toString()}`,
      ca: [...ca],
      agent: false,
      headers: {
        authorization: this.#token(input.tokenLifetime ?? tokenLifetime),
        accept: "application/json",
        ...(input.body === undefined ? {} : { "content-type": "application/json; charset=utf-8" }),
        ...(body === undefined ? {} : { "content-length": body.byteLength }),
        ...input.headers,
        ...(input.ifMatch === undefined ? {} : { "if-match": `"${input.ifMatch}"` }),
      },
    };
  }

  #token(lifetime: number): string {
    const { connection, hostName } = this.target;
    const { sharedAccessSignature, sharedAccessKey, sharedAccessKeyName } = connection;
    if (sharedAccessSignature !== undefined) return sharedAccessSignature;
    if (sharedAccessKey === undefined || sharedAccessKeyName === undefined)
      throw new CliError(
        "The connection string is not a service's; give --login one with SharedAccessKeyName and SharedAccessKey",
      );
    const expiry = Math.floor(this.#now() / 1000) + lifetime;
    return createSasToken({
      resource: hostName,
      key: sharedAccessKey,
      policy: sharedAccessKeyName,
      expiry,
    });
  }
}

/** `/devices/d1` or `/devices/d1/modules/m1`. */
export function identityPath(key: IdentityKey): string {
  return `/devices/${pathOf(key)}`;
}

/** `/twins/d1` or `/twins/d1/modules/m1`. */
export function twinPath(key: IdentityKey): string {
  return `/twins/${pathOf(key)}`;
}

function pathOf({ deviceId, moduleId }: IdentityKey): string {
  const device = encodeURIComponent(deviceId);
  return moduleId === undefined ? device : `${device}/modules/${encodeURIComponent(moduleId)}`;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]> & { readonly etag?: string };
  readonly bytes: Buffer;
}

function bodyOf({ body, bytes }: RequestInput): Uint8Array | undefined {
  return bytes ?? (body === undefined ? undefined : Buffer.from(JSON.stringify(body)));
}

function exchange(
  options: RequestOptions,
  body: Uint8Array | undefined,
  timeout: number,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(options, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > maxAnswerSize) request.destroy(new CliError("The hub's answer is too large"));
        else chunks.push(chunk);
      });
      response.on("error", reject);
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          bytes: Buffer.concat(chunks),
        }),
      );
    });
    request.setTimeout(timeout, () => {
      request.destroy(new CliError(`The hub has not answered within ${timeout / 1000} seconds`));
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** Longest event that is read, in characters: a message of 256 KiB in Base64, with its properties. */
const maxEvent = 2 * 1024 * 1024;

/** A live stream shows at least a heartbeat so often, in milliseconds. */
const silenceTimeout = 60_000;

function readEvents(
  options: RequestOptions,
  connected: (() => void) | undefined,
  take: (fields: ReadonlyMap<string, string>) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(options, (response) => {
      const status = response.statusCode ?? 0;
      const isStream = status === 200;
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        const blocks = (text + chunk).split("\n\n");
        text = blocks.pop() ?? "";
        if (text.length > maxEvent) request.destroy(new CliError("An event is too large"));
        else if (isStream) for (const block of blocks) take(fieldsOf(block));
      });
      response.on("error", reject);
      response.on("end", () => {
        const name = response.headers["iothub-errorcode"];
        if (isStream) resolve();
        else reject(refusal(status, typeof name === "string" ? name : undefined, text));
      });
      if (isStream) connected?.();
    });
    request.setTimeout(silenceTimeout, () =>
      request.destroy(new CliError(`The hub was silent for ${silenceTimeout / 1000} seconds`)),
    );
    request.on("error", reject);
    request.end();
  });
}

/** `data: x` → data, x; comments have no name and are left out. */
function fieldsOf(block: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of block.split("\n")) {
    const colon = line.indexOf(": ");
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 2));
  }
  return fields;
}

function parseBody(text: string): Json {
  if (text === "") return null;
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new CliError("The hub's answer is not JSON; is it a twinhub or an IoT Hub?");
  }
}
