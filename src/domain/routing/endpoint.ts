import { argumentInvalid } from "../errors.ts";
import { builtInEndpoint, checkRoutingName } from "./route.ts";

/** Where routes send messages, beside the built-in endpoint: an HTTP server that takes batches. */
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

/** Refuses, with ArgumentInvalid, what is no endpoint. */
export function checkEndpoint(endpoint: WebhookEndpoint): void {
  checkRoutingName("an endpoint", endpoint.name);
  if (reserved.includes(endpoint.name))
    throw argumentInvalid(`The name ${endpoint.name} is reserved for the hub's own endpoints`);
  checkUrl(endpoint.url);
  if (endpoint.secret !== undefined && (endpoint.secret === "" || endpoint.secret.length > maxText))
    throw argumentInvalid(`The secret of an endpoint must have 1 to ${maxText} characters`);
  for (const name of ["timeoutSeconds", "maxDeliveryCount", "maxBatchSize"] as const) {
    const value = endpoint[name];
    if (Number.isInteger(value) && value >= 1 && value <= webhookLimits[name]) continue;
    throw argumentInvalid(`${name} must be a whole number from 1 to ${webhookLimits[name]}`);
  }
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
