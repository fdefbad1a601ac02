import { argumentInvalid } from "../errors.ts";
import { maxLogPartitions } from "./limits.ts";
import { builtInEndpoint, checkRoutingName } from "./route.ts";

/** Where routes send messages, beside the built-in endpoint. */
export type Endpoint = WebhookEndpoint | LogEndpoint;

/** An HTTP server that takes batches. */
export interface WebhookEndpoint {
  readonly name: string;
  readonly type: "webhook";
  /** `https:`, or `http:` to this machine. */
  readonly url: string;
  /** Signs each request with HMAC-SHA256 if present; never shown. */
  readonly secret?: string | undefined;
  /** How long one request may take, in seconds. */
  readonly timeoutSeconds: number;
  /** How often a message is sent before it goes to the dead letters. */
  readonly maxDeliveryCount: number;
  /** Messages in one request. */
  readonly maxBatchSize: number;
}

/** Another event log of the hub's own, which services read as they do the built-in one. */
export interface LogEndpoint {
  /** Also its Event Hubs-compatible name, in any case of letters. */
  readonly name: string;
  readonly type: "log";
  /** Stays as it was made. */
  readonly partitionCount: number;
  /** How long messages are kept, in hours. */
  readonly retentionTimeInHours: number;
  /** The most that one partition keeps, in bytes of bodies; the oldest messages go. */
  readonly maxPartitionBytes: number;
}

export const logDefaults = {
  partitionCount: 4,
  retentionTimeInHours: 24,
  maxPartitionBytes: 2 ** 30,
} as const;

/** The most that each of the numbers may be; the least is 1. */
export const logLimits = {
  partitionCount: maxLogPartitions,
  retentionTimeInHours: 2_160,
  maxPartitionBytes: 2 ** 40,
} as const;

export const webhookDefaults = {
  timeoutSeconds: 10,
  maxDeliveryCount: 10,
  maxBatchSize: 100,
} as const;

/** The most that each of the numbers may be; the least is 1. */
export const webhookLimits = {
  timeoutSeconds: 60,
  maxDeliveryCount: 100,
  maxBatchSize: 500,
} as const;

/** A URL or a secret, in UTF-16 units. */
const maxText = 2_048;

const reserved = [builtInEndpoint, "fileNotifications", "$default"];
/** These begin other addresses of AMQP. */
const reservedForLogs = [...reserved.map((name) => name.toLowerCase()), "devices", "messages"];

/** Refuses, with ArgumentInvalid, what is no endpoint. */
export function checkEndpoint(endpoint: Endpoint): void {
  const { name, type } = endpoint;
  checkRoutingName("an endpoint", name);
  if (reserved.includes(name) || (type === "log" && reservedForLogs.includes(name.toLowerCase())))
    throw argumentInvalid(`The name ${name} is reserved for the hub's own endpoints`);
  switch (type) {
    case "webhook":
      return checkWebhook(endpoint);
    case "log":
      return checkNumbers(endpoint, logLimits);
  }
}

/** Refuses numbers that are not whole, below 1 or above their limits. */
function checkNumbers<N extends string>(
  numbers: Readonly<Record<NoInfer<N>, number>>,
  limits: Readonly<Record<N, number>>,
): void {
  for (const name of Object.keys(limits) as N[]) {
    const { [name]: value } = numbers;
    if (Number.isInteger(value) && value >= 1 && value <= limits[name]) continue;
    throw argumentInvalid(`${name} must be a whole number from 1 to ${limits[name]}`);
  }
}

function checkWebhook(endpoint: WebhookEndpoint): void {
  checkUrl(endpoint.url);
  if (endpoint.secret !== undefined && (endpoint.secret === "" || endpoint.secret.length > maxText))
    throw argumentInvalid(`The secret of an endpoint must have 1 to ${maxText} characters`);
  checkNumbers(endpoint, webhookLimits);
}

function checkUrl(text: string): void {
  const url = text.length <= maxText && URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:"))
    throw argumentInvalid("The url of an endpoint must be an https: address");
  if (url.username !== "" || url.password !== "")
    throw argumentInvalid("The url of an endpoint must not hold a user name or password");
  if (url.hash !== "") throw argumentInvalid("The url of an endpoint must not have a fragment");
  if (url.protocol === "http:" && !isLoopback(url.hostname))
    throw argumentInvalid("The url of an endpoint on another machine must begin with https:");
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
