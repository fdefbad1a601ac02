import type { PartitionInfo } from "../../../app/ports.ts";
import type { EventSource } from "../../../app/hub.ts";
import type { Principal } from "../../../app/principal.ts";
import { HubError, argumentInvalid } from "../../../domain/errors.ts";
import { defaultConsumerGroup } from "../../../domain/messages/consumer-group.ts";
import { never } from "../../../domain/time.ts";
import type { AmqpMessage } from "../codec/message.ts";
import { type AmqpValue, int, long, stringArray } from "../codec/values.ts";
import { AmqpRefusal, conditions, toHubError } from "../errors.ts";
import {
  type Attach,
  type InboundLink,
  type LinkContext,
  type OutboundLink,
  type Reception,
  accepted,
} from "../links/link.ts";
import { type ServiceCaller, withService } from "../links/service-caller.ts";
import type { Services } from "../services.ts";
import { entityName, findEntity, partitionNumber } from "./entity.ts";
import { offsetText } from "./event-annotations.ts";
import { eventNumber } from "./position.ts";

/** Requests for the properties of the entity and of its partitions (spec/amqp §13.4), answered in their order. */
export async function openManagementRequests(
  context: LinkContext,
  attach: Attach,
): Promise<InboundLink> {
  const { limits } = context.services;
  const { caller, source } = await admit(context, attach);
  let last: Promise<unknown> = Promise.resolve();
  return {
    direction: "inbound",
    maxMessageSize: limits.requestBytes,
    credit: limits.requestCredit,
    receive(delivery) {
      const answered = last.then(() => receive({ context, caller, source }, delivery.decode()));
      last = answered.catch(() => undefined);
      return answered;
    },
    ended: caller.leave,
  };
}

/** The answers go here. */
export async function openManagementReplies(
  context: LinkContext,
  attach: Attach,
): Promise<OutboundLink> {
  const { caller } = await admit(context, attach);
  return { direction: "outbound", roomChanged() {}, ended: caller.leave };
}

interface Admitted {
  readonly caller: ServiceCaller;
  readonly source: EventSource;
}

/** `$management` alone means the hub's own entity, or one that a token of the connection names. */
async function admit(context: LinkContext, { address }: Attach): Promise<Admitted> {
  const named = address.kind === "management" ? address.entity : null;
  if (named !== null) return admitTo(context, named);
  const own = entityName(context.services);
  try {
    return await admitTo(context, own);
  } catch (error) {
    let refusal = error;
    for (const root of context.claims.roots) {
      try {
        return await admitTo(context, root);
      } catch (other) {
        // That its entity is gone says more than that the token is not for the hub's own.
        if (other instanceof AmqpRefusal) refusal = other;
      }
    }
    throw refusal;
  }
}

function admitTo(context: LinkContext, entity: string): Promise<Admitted> {
  return withService(context, pathOf(entity), async (caller) => ({
    caller,
    source: await findEntity(context.services, caller.principal, entity),
  }));
}

function pathOf(entity: string): string {
  return `/${entity}/$management`;
}

interface Requested extends Admitted {
  readonly context: LinkContext;
}

type Body = ReadonlyMap<string, AmqpValue>;

async function receive(link: Requested, request: AmqpMessage): Promise<Reception> {
  const { context } = link;
  const answer = await answerTo(link, request);
  return {
    outcome: accepted,
    afterwards: () =>
      context.replyPort("management")?.reply({ ...answer, correlationId: request.messageId }),
  };
}

async function answerTo(link: Requested, request: AmqpMessage): Promise<AmqpMessage> {
  const { services } = link.context;
  try {
    const value = await read(link, request);
    return { application: status(200, "OK"), body: { kind: "value", value } };
  } catch (error) {
    const { number, text, condition } = failure(services, error);
    const application = status(number, text);
    application.set("error-condition", condition);
    application.set("errorCondition", condition);
    return { application, body: { kind: "value", value: null } };
  }
}

/** Two spellings, for clients of two ages (spec/amqp §13.4). */
function status(number: number, text: string): Map<string, AmqpValue> {
  return new Map<string, AmqpValue>([
    ["status-code", int(number)],
    ["status-description", text],
    ["statusCode", int(number)],
    ["statusDescription", text],
  ]);
}

function failure(
  services: Services,
  error: unknown,
): { number: number; text: string; condition: string } {
  if (error instanceof AmqpRefusal) {
    const { condition, description } = error.error;
    return { number: condition === "amqp:not-found" ? 404 : 400, text: description, condition };
  }
  if (!(error instanceof HubError))
    services.log.error({ err: error }, "a $management request failed");
  const { name, status: number, message } = toHubError(error);
  return { number, text: message, condition: conditions[name] };
}

async function read(link: Requested, { application }: AmqpMessage): Promise<Body> {
  const { services } = link.context;
  const text = (name: string): string | undefined => {
    const value = application?.get(name);
    return typeof value === "string" ? value : undefined;
  };
  if (text("operation")?.toUpperCase() !== "READ")
    throw argumentInvalid("The operation must be READ");
  const { source, principal } = await requested(link, text("name") ?? "");
  const { events, consumerGroups } = source;
  const partitions = await events.partitions(principal);
  switch (text("type")?.toLowerCase()) {
    case "com.microsoft:eventhub": {
      const { createdAt } = await consumerGroups.get(principal, defaultConsumerGroup);
      return entityBody(source.name, partitions.length, createdAt);
    }
    case "com.microsoft:partition": {
      const number = partitionNumber(services, text("partition") ?? "", partitions.length);
      const info = partitions[number];
      if (info !== undefined) return partitionBody(services, source.name, info);
      throw argumentInvalid("There is no such partition");
    }
    default:
      throw argumentInvalid("The type must be com.microsoft:eventhub or com.microsoft:partition");
  }
}

/** The entity that a request names; one other than the link was admitted to takes a token for it. */
async function requested(
  { context, caller, source }: Requested,
  name: string,
): Promise<{ readonly source: EventSource; readonly principal: Principal }> {
  const found = await findEntity(context.services, caller.principal, name);
  if (found.id === source.id) return { source: found, principal: caller.principal };
  const principal = await context.caller(pathOf(found.name), "ServiceConnect");
  return { source: found, principal };
}

function entityBody(name: string, count: number, createdAt: number): Body {
  return new Map<string, AmqpValue>([
    ["name", name],
    ["type", "com.microsoft:eventhub"],
    ["created_at", new Date(createdAt)],
    ["partition_count", int(count)],
    ["partition_ids", stringArray(Array.from({ length: count }, (_, number) => String(number)))],
    ["georeplication_factor", int(1)],
  ]);
}

function partitionBody(services: Services, name: string, info: PartitionInfo): Body {
  const first = eventNumber(info.firstSequenceNumber);
  const last = eventNumber(info.lastSequenceNumber);
  return new Map<string, AmqpValue>([
    ["name", name],
    ["type", "com.microsoft:partition"],
    ["partition", String(info.partition)],
    ["begin_sequence_number", long(first)],
    ["last_enqueued_sequence_number", long(last)],
    ["last_enqueued_offset", offsetText(last)],
    ["last_enqueued_time_utc", new Date(last < 0 ? never : info.lastEnqueuedTime)],
    ["is_partition_empty", first > last],
    ["runtime_info_retrieval_time_utc", new Date(services.clock.now())],
  ]);
}
