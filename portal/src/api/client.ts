import { createStore } from "../lib/store.ts";

/** The version of the REST API that the portal speaks. */
const apiVersion = "2021-04-12";

/** The hub's refusal, or that it could not be reached (`status` 0). */
export class ApiError extends Error {
  readonly status: number;
  /** IoT Hub's name of the error, for example `PreconditionFailed`. */
  readonly code: string;
  readonly trackingId: string | undefined;

  constructor(status: number, code: string, message: string, trackingId?: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.trackingId = trackingId;
  }
}

export function isApiError(error: unknown, status?: number): error is ApiError {
  return error instanceof ApiError && (status === undefined || error.status === status);
}

/** Whether the hub answers at all; the shell shows it and looks after the recovery. */
export const reachable = createStore(true);

/** Rises when something hints that the browser has no session (any more). */
export const sessionLost = createStore(0);

/** True while somebody who had signed in has to do it again: streams and pages wait for it. */
export const sessionEnded = createStore(false);

export interface CallOptions {
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** An etag without quotes, or `*`. */
  readonly ifMatch?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer<T> {
  /** Trusted to have the shape that `openapi.json` tells: the portal and the hub are of one build. */
  readonly body: T;
  readonly status: number;
  readonly headers: Headers;
}

/** `path` below the hub's root, ids encoded. Throws `ApiError`. */
export async function call<T>(
  method: string,
  path: string,
  options: CallOptions = {},
): Promise<Answer<T>> {
  const response = await send(method, path, options);
  const text = await response.text();
  if (!response.ok) throw refusal(response, text);
  return {
    body: (text === "" ? undefined : JSON.parse(text)) as T,
    status: response.status,
    headers: response.headers,
  };
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await call<T>("GET", path, { signal })).body;
}

async function send(
  method: string,
  path: string,
  { body, text, headers, ifMatch, signal }: CallOptions,
): Promise<Response> {
  const isOwn = path.startsWith("/$hub") || path.startsWith("/changes");
  const url = isOwn ? path : `${path}${path.includes("?") ? "&" : "?"}api-version=${apiVersion}`;
  const payload = text ?? (body === undefined ? undefined : JSON.stringify(body));
  try {
    const response = await fetch(url, {
      method,
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
      headers: {
        "x-twinhub-portal": "1",
        ...(payload === undefined ? {} : { "content-type": "application/json; charset=utf-8" }),
        ...(ifMatch === undefined ? {} : { "if-match": quoted(ifMatch) }),
        ...headers,
      },
      ...(payload === undefined ? {} : { body: payload }),
      ...(signal === undefined ? {} : { signal }),
    });
    reachable.set(response.status !== 503);
    return response;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    reachable.set(false);
    throw new ApiError(0, "HubUnreachable", "The hub does not answer");
  }
}

function quoted(etag: string): string {
  return etag === "*" ? etag : `"${etag}"`;
}

/** Reads both of IoT Hub's forms of an error (spec/rest §7). */
function refusal(response: Response, text: string): ApiError {
  const body = parsed(text);
  const raw = typeof body["Message"] === "string" ? body["Message"] : response.statusText;
  const inner = raw.startsWith("{") ? parsed(raw) : undefined;
  const match = /^ErrorCode:(\w+);(.*)$/s.exec(raw);
  const code = response.headers.get("iothub-errorcode") ?? match?.[1] ?? String(response.status);
  const message = textOf(inner?.["message"]) ?? match?.[2] ?? raw;
  const tracking = /Tracking ID:(\S+?)(?:-TimeStamp|$)/.exec(
    textOf(body["ExceptionMessage"]) ?? "",
  );
  if (response.status === 401) doubtSession();
  if (response.status === 401 && message === "Unauthorized")
    return new ApiError(401, "SessionEnded", "The hub does not know this session any more.");
  return new ApiError(response.status, code, message, tracking?.[1]);
}

/** Lets the browser's session be looked at anew. */
export function doubtSession(): void {
  sessionLost.set(sessionLost.get() + 1);
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
