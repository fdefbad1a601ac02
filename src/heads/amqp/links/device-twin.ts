import { isUtf8 } from "node:buffer";
import { HubError, argumentInvalid } from "../../../domain/errors.ts";
import type { JsonObject } from "../../../domain/json.ts";
import { parseTwinObject } from "../../../domain/twin/parse.ts";
import { bodyBytes } from "../codec/new-message.ts";
import type { AmqpMessage } from "../codec/message.ts";
import { type AmqpValue, int, long } from "../codec/values.ts";
import { failureText, toHubError } from "../errors.ts";
import type { IdentityEntry } from "../identity-links.ts";
import { joinIdentity } from "./identity.ts";
import {
  type Attach,
  type InboundLink,
  type LinkContext,
  type LinkPort,
  type OutboundLink,
  type Reception,
  accepted,
} from "./link.ts";

/** What the two twin links of an identity share. */
class TwinChannel {
  /** L7; absent while the client has not attached it. */
  #port: LinkPort | undefined;
  /** Answers to requests that came before L7 did; no more than the credit for requests. */
  #early: AmqpMessage[] = [];
  /** Requests are done one after the other, so that a read sees the writes before it. */
  #last: Promise<unknown> = Promise.resolve();
  #subscription: "none" | "desired" = "none";

  static of({ shared }: IdentityEntry): TwinChannel {
    const known = shared.get("twin") as TwinChannel | undefined;
    const channel = known ?? new TwinChannel();
    shared.set("twin", channel);
    return channel;
  }

  connect(port: LinkPort): void {
    this.#port = port;
    for (const message of this.#early.splice(0)) port.reply(message);
  }

  disconnect(port: LinkPort): void {
    if (this.#port !== port) return;
    this.#port = undefined;
    this.#subscription = "none";
  }

  subscribe(subscription: "none" | "desired"): void {
    this.#subscription = subscription;
  }

  answer(message: AmqpMessage, limit: number): void {
    if (this.#port !== undefined) this.#port.reply(message);
    else if (this.#early.length < limit) this.#early.push(message);
  }

  pushDesired(change: JsonObject, version: number): void {
    if (this.#subscription === "none") return;
    this.#port?.reply({
      body: {
        kind: "data",
        sections: [Buffer.from(JSON.stringify({ ...change, $version: version }))],
      },
    });
  }

  inOrder<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}

/** L7: answers to twin requests, and desired changes for who has asked for them (spec/amqp §8.2, §8.3). */
export async function openTwinAnswers(context: LinkContext, attach: Attach): Promise<OutboundLink> {
  const { entry, leave } = await joinIdentity(context, attach);
  const channel = TwinChannel.of(entry);
  const { port } = context;
  entry.pushDesired = (change, version) => channel.pushDesired(change, version);
  channel.connect(port);
  return {
    direction: "outbound",
    roomChanged() {},
    ended() {
      channel.disconnect(port);
      leave();
    },
  };
}

/** L6: twin requests (spec/amqp §8.1). */
export async function openTwinRequests(context: LinkContext, attach: Attach): Promise<InboundLink> {
  const { entry, leave } = await joinIdentity(context, attach);
  const { limits } = context.services;
  const channel = TwinChannel.of(entry);
  return {
    direction: "inbound",
    maxMessageSize: limits.requestBytes,
    credit: limits.requestCredit,
    receive(delivery) {
      return channel.inOrder(() => receive(context, entry, channel, delivery.decode()));
    },
    ended() {
      channel.subscribe("none");
      leave();
    },
  };
}

async function receive(
  context: LinkContext,
  entry: IdentityEntry,
  channel: TwinChannel,
  request: AmqpMessage,
): Promise<Reception> {
  const { limits } = context.services;
  const { correlationId } = request;
  if (correlationId === undefined) throw argumentInvalid("A twin request has no correlation-id");
  const { status, version, body } = await answerOf(context, entry, channel, request);
  const annotations = new Map<string, AmqpValue>([["status", int(status)]]);
  if (version !== undefined) annotations.set("version", long(version));
  const answer: AmqpMessage = {
    correlationId,
    annotations,
    body: { kind: "data", sections: [Buffer.from(body)] },
  };
  return {
    outcome: accepted,
    afterwards: () => channel.answer(answer, limits.requestCredit),
  };
}

interface TwinAnswer {
  readonly status: number;
  readonly version?: number | undefined;
  readonly body: string;
}

async function answerOf(
  context: LinkContext,
  entry: IdentityEntry,
  channel: TwinChannel,
  request: AmqpMessage,
): Promise<TwinAnswer> {
  try {
    return await handle(context, entry, channel, request);
  } catch (error) {
    return failure(context, entry, error);
  }
}

const reportedResource = "/properties/reported";
const desiredResource = "/notifications/twin/properties/desired";

async function handle(
  { services }: LinkContext,
  { opened }: IdentityEntry,
  channel: TwinChannel,
  { annotations, body }: AmqpMessage,
): Promise<TwinAnswer> {
  const { twins } = services.hub;
  const operation = annotations?.get("operation");
  const resource = annotations?.get("resource") ?? "";
  switch (operation) {
    case "GET":
      return { status: 200, body: await twins.ownTwin(opened.principal) };
    case "PATCH": {
      if (resource !== reportedResource) break;
      const expected = expectedVersion(annotations?.get("version"));
      const patch = readPatch(bodyBytes(body));
      const version = await twins.updateReported(opened.principal, patch, expected);
      return { status: 200, version, body: "" };
    }
    case "PUT":
    case "DELETE":
      if (resource !== desiredResource) break;
      channel.subscribe(operation === "PUT" ? "desired" : "none");
      return { status: 200, body: "" };
    default:
      break;
  }
  throw argumentInvalid("The operation and resource of a twin request do not go together");
}

function readPatch(bytes: Uint8Array): JsonObject {
  if (!isUtf8(bytes)) throw argumentInvalid("The reported properties are not UTF-8");
  return parseTwinObject(Buffer.from(bytes).toString());
}

function expectedVersion(value: AmqpValue | undefined): number | undefined {
  if (value === undefined || value === null) return undefined;
  const version = Number(value);
  if (!Number.isSafeInteger(version) || version < 0)
    throw argumentInvalid("The version of a twin request is not a number");
  return version;
}

/** The body is JSON, because some clients parse whatever comes (spec/amqp §8.2). */
function failure({ services }: LinkContext, entry: IdentityEntry, error: unknown): TwinAnswer {
  const trackingId = services.trackingIds.next();
  const { number, status, message } = toHubError(error);
  const fields = { ...entry.key, trackingId };
  if (error instanceof HubError)
    services.log.debug({ ...fields, error: error.name, detail: message }, "request refused");
  else services.log.error({ ...fields, err: error }, "request failed");
  return { status, body: failureText(services, number, message, trackingId) };
}
