import { HubError } from "../../../domain/errors.ts";
import { parseSasToken } from "../../../wire/sas-token.ts";
import type { AmqpMessage } from "../codec/message.ts";
import { type AmqpValue, int } from "../codec/values.ts";
import { conditions, toHubError } from "../errors.ts";
import {
  type InboundLink,
  type LinkContext,
  type OutboundLink,
  type Reception,
  accepted,
} from "./link.ts";

interface Answer {
  readonly status: number;
  readonly description: string;
  readonly condition?: string | undefined;
}

/** The client puts tokens here (spec/amqp §4). Requests of one link are answered in their order. */
export async function openCbsRequests(context: LinkContext): Promise<InboundLink> {
  const { limits } = context.services;
  let last: Promise<unknown> = Promise.resolve();
  return {
    direction: "inbound",
    maxMessageSize: limits.requestBytes,
    credit: limits.requestCredit,
    receive(delivery) {
      const answered = last.then(() => receive(context, delivery.decode()));
      last = answered.catch(() => undefined);
      return answered;
    },
    ended() {},
  };
}

/** The answers go here. */
export async function openCbsReplies(): Promise<OutboundLink> {
  return { direction: "outbound", roomChanged() {}, ended() {} };
}

async function receive(context: LinkContext, request: AmqpMessage): Promise<Reception> {
  const { status, description, condition } = await answer(context, request);
  const application = new Map<string, AmqpValue>([
    ["status-code", int(status)],
    ["status-description", description],
  ]);
  if (condition !== undefined) application.set("error-condition", condition);
  return {
    outcome: accepted,
    afterwards: () =>
      context.replyPort("cbs")?.reply({
        correlationId: request.messageId,
        application,
        body: { kind: "value", value: null },
      }),
  };
}

async function answer(context: LinkContext, request: AmqpMessage): Promise<Answer> {
  const { application, body } = request;
  const text = body.kind === "value" ? body.value : undefined;
  if (application?.get("operation") !== "put-token" || typeof text !== "string")
    return { status: 400, description: "Bad Request: put-token with a token as text is expected" };
  // What `type` says is not looked at: some clients say jwt for a SAS token (spec/amqp §4.2).
  try {
    const token = parseSasToken(text);
    context.faults.checkToken(token);
    await context.claims.add(token);
    return { status: 200, description: "OK" };
  } catch (error) {
    await refusalDelay(context, text);
    return failure(context, error);
  }
}

/** Whoever guesses waits for its answers (see `FailedLogins`). */
async function refusalDelay({ services, peer }: LinkContext, token: string): Promise<void> {
  const claimed = /(?:^|[ &])sr=([^&]{1,257})/.exec(token)?.[1] ?? "";
  const delay = services.failedLogins.refused(peer.address, claimed);
  if (delay > 0) await new Promise<void>((resolve) => void services.clock.after(delay, resolve));
}

function failure({ services, peer }: LinkContext, error: unknown): Answer {
  const { name, status, message } = toHubError(error);
  const fields = { address: peer.address, error: name, detail: message };
  if (error instanceof HubError) services.log.info(fields, "put-token refused");
  else services.log.error({ ...fields, err: error }, "put-token failed");
  return { status, description: message, condition: conditions[name] };
}
