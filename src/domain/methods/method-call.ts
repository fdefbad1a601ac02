import { HubError, argumentInvalid } from "../errors.ts";
import type { Json, JsonObject } from "../json.ts";
import type { Milliseconds } from "../time.ts";

/** A direct method's request or answer payload, in bytes of JSON text (spec/semantics §8). */
export const maxMethodPayload = 131_072;
/** Calls that one identity may have open. */
export const maxMethodsInFlight = 10;

export interface MethodCall {
  readonly name: string;
  /** JSON text; `null` when the caller gave none (spec/mqtt §8). */
  readonly payload: string;
  /** How long to wait for the target to be there. */
  readonly connectTimeout: Milliseconds;
  /** How long to wait for its answer after that. */
  readonly responseTimeout: Milliseconds;
}

export interface MethodResult {
  /** Whatever integer the target chose. */
  readonly status: number;
  readonly payload: Json;
}

const namePattern = /^[A-Za-z0-9\-._~!$&'()*,;=:@%]{1,100}$/;

/** Reads the body of an invocation (spec/rest §8.8); numbers may come as text. */
export function readMethodCall(body: JsonObject): MethodCall {
  const { methodName } = body;
  if (typeof methodName !== "string" || !namePattern.test(methodName)) {
    throw argumentInvalid("methodName must be 1 to 100 characters that a topic may hold");
  }
  const payload = Object.hasOwn(body, "payload") ? payloadText(body["payload"] ?? null) : "null";
  if (Buffer.byteLength(payload) > maxMethodPayload) {
    throw new HubError(
      "MessageTooLarge",
      `The payload of a direct method has ${Buffer.byteLength(payload)} bytes, the limit is ${maxMethodPayload}`,
    );
  }
  return {
    name: methodName,
    payload,
    responseTimeout: seconds(body, "responseTimeoutInSeconds", 30, 5, 300),
    connectTimeout: seconds(body, "connectTimeoutInSeconds", 0, 0, 300),
  };
}

/** Nested deeper, a value could not be written as text again. */
const maxDepth = 1000;

function payloadText(payload: Json): string {
  if (isDeeperThan(payload, maxDepth))
    throw argumentInvalid(`The payload is nested deeper than ${maxDepth} levels, the limit`);
  return JSON.stringify(payload);
}

function isDeeperThan(value: Json, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeperThan(inner, levels - 1));
}

function seconds(
  body: JsonObject,
  name: string,
  missing: number,
  least: number,
  most: number,
): Milliseconds {
  const given = body[name];
  if (given === undefined || given === null) return missing * 1000;
  const value = typeof given === "string" && given.trim() !== "" ? Number(given) : given;
  if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
    throw argumentInvalid(`${name} must be within [${least}; ${most}].`);
  }
  return value * 1000;
}

/** An answer's body: JSON, nothing, or text that is not JSON, which reaches the caller as a string. */
export function readMethodAnswer(status: number, body: string): MethodResult {
  if (body.trim() === "") return { status, payload: null };
  try {
    const payload = JSON.parse(body) as Json;
    return { status, payload: isDeeperThan(payload, maxDepth) ? body : payload };
  } catch {
    return { status, payload: body };
  }
}
