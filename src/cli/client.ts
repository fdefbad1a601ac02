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
    const { status, headers, text } = await this.#send(method, path, input);
    if (status >= 200 && status < 300)
      return { body: parseBody(text), etag: headers.etag?.replace(/^"(.*)"$/, "$1") };
    const name = headers["iothub-errorcode"];
    throw refusal(status, typeof name === "string" ? name : undefined, text);
  }

  #send(method: Method, path: string, input: RequestInput): Promise<RawAnswer> {
    const { hostName, port, ca } = this.target;
    const query = new URLSearchParams({ "api-version": apiVersion, ...input.query });
    const body = input.body === undefined ? undefined : JSON.stringify(input.body);
    const options: RequestOptions = {
      method,
      host: hostName,
      port,
      path: `${path}?${query.toString()}`,
      ca: [...ca],
      agent: false,
      headers: {
        authorization: this.#token(),
        accept: "application/json",
        ...(body === undefined
          ? {}
          : {
              "content-type": "application/json; charset=utf-8",
              "content-length": Buffer.byteLength(body),
            }),
        ...(input.ifMatch === undefined ? {} : { "if-match": `"${input.ifMatch}"` }),
      },
    };
    return exchange(options, body).catch((error: unknown) => {
      throw connectionFailure(error, `${hostName}:${port}`);
    });
  }

  #token(): string {
    const { connection, hostName } = this.target;
    const { sharedAccessSignature, sharedAccessKey, sharedAccessKeyName } = connection;
    if (sharedAccessSignature !== undefined) return sharedAccessSignature;
    if (sharedAccessKey === undefined || sharedAccessKeyName === undefined)
      throw new CliError(
        "The connection string is not a service's; give --login one with SharedAccessKeyName and SharedAccessKey",
      );
    const expiry = Math.floor(this.#now() / 1000) + tokenLifetime;
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

interface RawAnswer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]> & { readonly etag?: string };
  readonly text: string;
}

function exchange(options: RequestOptions, body: string | undefined): Promise<RawAnswer> {
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
          text: Buffer.concat(chunks).toString("utf8"),
        }),
      );
    });
    request.setTimeout(answerTimeout, () => {
      request.destroy(
        new CliError(`The hub has not answered within ${answerTimeout / 1000} seconds`),
      );
    });
    request.on("error", reject);
    request.end(body);
  });
}

function parseBody(text: string): Json {
  if (text === "") return null;
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new CliError("The hub's answer is not JSON; is it a twinhub or an IoT Hub?");
  }
}
