import type { ServiceMessage, ServiceQueueName } from "../../../app/messages/service-queue.ts";
import { HubError } from "../../../domain/errors.ts";
import { lockTag } from "../codec/lock-tag.ts";
import { writeServiceMessage } from "../codec/service-message.ts";
import { type ServiceCaller, admitService } from "./service-caller.ts";
import {
  type Attach,
  type LinkContext,
  type Outcome,
  type OutboundLink,
  accepted,
} from "./link.ts";
import { Pump } from "./pump.ts";

/** Feedback on messages to devices, in batches (spec/amqp §12.2). */
export async function openFeedback(context: LinkContext, attach: Attach): Promise<OutboundLink> {
  const caller = await admitService(context, "/messages/servicebound/feedback");
  return new ServiceQueueLink(context, attach, caller, "feedback");
}

/** Notifications of files that devices have uploaded (spec/amqp §12.3). */
export async function openFileNotifications(
  context: LinkContext,
  attach: Attach,
): Promise<OutboundLink> {
  const caller = await admitService(context, "/messages/servicebound/filenotifications");
  return new ServiceQueueLink(context, attach, caller, "fileNotifications");
}

/** One of several receivers that compete for a hub-wide queue. */
class ServiceQueueLink implements OutboundLink {
  readonly direction = "outbound";
  readonly #context: LinkContext;
  readonly #caller: ServiceCaller;
  readonly #queue: ServiceQueueName;
  /** The client does not want to settle: what is sent is done. */
  readonly #settled: boolean;
  /** Lock tokens of what the client has, by delivery tag. What it leaves comes back when its lock has run out. */
  readonly #held = new Map<string, string>();
  readonly #pump: Pump;
  readonly #forget: () => void;

  constructor(
    context: LinkContext,
    attach: Attach,
    caller: ServiceCaller,
    queue: ServiceQueueName,
  ) {
    this.#context = context;
    this.#caller = caller;
    this.#queue = queue;
    this.#settled = attach.sndSettleMode === 1;
    this.#pump = new Pump(context.services.log, () => this.#sendNext());
    this.#forget = context.services.hub.serviceMessages.onWaiting(() => this.#pump.wake());
  }

  roomChanged(): void {
    this.#pump.wake();
  }

  /** True if there may be more. */
  async #sendNext(): Promise<boolean> {
    const { services, port } = this.#context;
    if (port.room === 0) return false;
    const { serviceMessages } = services.hub;
    const taken = await serviceMessages.receive(this.#caller.principal, this.#queue);
    if (taken === null) return false;
    if (this.#pump.ended) await this.#settle(taken.lockToken, "abandon");
    else await this.#send(taken);
    return true;
  }

  async #send(taken: ServiceMessage): Promise<void> {
    const { services, port } = this.#context;
    const message = writeServiceMessage(this.#queue, taken, services.hub.hubName);
    if (this.#settled) {
      port.send(message);
      return this.#settle(taken.lockToken, "complete");
    }
    const tag = lockTag(taken.lockToken);
    this.#held.set(tag.toString("hex"), taken.lockToken);
    port.send(message, tag);
  }

  /** Whatever the outcome was, the hub's answer is accepted (spec/amqp §12.2). */
  async outcome(tag: string, outcome: Outcome): Promise<Outcome> {
    const lockToken = this.#held.get(tag);
    if (lockToken === undefined)
      throw new HubError("DeviceMessageLockLost", "The message is not held by this link");
    this.#held.delete(tag);
    await this.#settle(lockToken, settlementOf(outcome));
    return accepted;
  }

  #settle(lockToken: string, how: "complete" | "abandon"): Promise<void> {
    const { serviceMessages } = this.#context.services.hub;
    return serviceMessages.settle(this.#caller.principal, this.#queue, lockToken, how);
  }

  ended(): void {
    this.#pump.end();
    this.#forget();
    this.#held.clear();
    this.#caller.leave();
  }
}

/** A message that is rejected is dead: nobody else should try it. */
function settlementOf(outcome: Outcome): "complete" | "abandon" {
  switch (outcome.kind) {
    case "accepted":
    case "rejected":
      return "complete";
    case "released":
    case "modified":
      return "abandon";
  }
}
