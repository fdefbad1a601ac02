import type { TakenMessage } from "../../../app/messages/receive-cloud-to-device.ts";
import { HubError } from "../../../domain/errors.ts";
import { keyText } from "../../../domain/identity/key.ts";
import { maxQueueDepth, type Settlement } from "../../../domain/messages/c2d-queue.ts";
import { writeCommand } from "../codec/command.ts";
import { lockTag } from "../codec/lock-tag.ts";
import type { IdentityEntry } from "../identity-links.ts";
import { type JoinedIdentity, joinIdentity } from "./identity.ts";
import {
  type Attach,
  type LinkContext,
  type Outcome,
  type OutboundLink,
  accepted,
} from "./link.ts";

/** L2: a device's cloud-to-device messages. A module has none; its link is granted and stays silent. */
export async function openCommands(context: LinkContext, attach: Attach): Promise<OutboundLink> {
  return new CommandLink(context, attach, await joinIdentity(context, attach));
}

class CommandLink implements OutboundLink {
  readonly direction = "outbound";
  readonly #context: LinkContext;
  readonly #identity: JoinedIdentity;
  /** The client does not want to settle: what is sent is done. */
  readonly #settled: boolean;
  /** Lock tokens of what the client has, by delivery tag. */
  readonly #held = new Map<string, string>();
  #pump: "idle" | "running" | "again" | "ended" = "idle";

  constructor(context: LinkContext, attach: Attach, identity: JoinedIdentity) {
    this.#context = context;
    this.#identity = identity;
    this.#settled = attach.sndSettleMode === 1;
    this.#entry.messagesWaiting = this.#wake;
  }

  get #entry(): IdentityEntry {
    return this.#identity.entry;
  }

  roomChanged(): void {
    this.#wake();
  }

  readonly #wake = (): void => {
    switch (this.#pump) {
      case "idle":
        this.#pump = "running";
        this.#run().catch((error: unknown) => {
          const { log } = this.#context.services;
          log.error({ err: error, ...this.#entry.key }, "messages could not be sent to a device");
        });
        return;
      case "running":
        this.#pump = "again";
        return;
      case "again":
      case "ended":
        return;
    }
  };

  /** Takes as many as the client has credit for, until there are none or there is no room. */
  async #run(): Promise<void> {
    const { services, port } = this.#context;
    const { opened } = this.#entry;
    let more = true;
    while (more && this.#pump !== "ended") {
      this.#pump = "running";
      const limit = Math.min(port.room, maxQueueDepth);
      const taken =
        limit === 0
          ? []
          : await services.hub.cloudToDevice.receive(opened.principal, limit, opened.id);
      if (this.#isEnded()) return this.#release(taken.map(({ lockToken }) => lockToken));
      for (const message of taken) this.#send(message);
      more = taken.length > 0 || this.#isAgain();
    }
    if (!this.#isEnded()) this.#pump = "idle";
  }

  #isEnded(): boolean {
    return this.#pump === "ended";
  }

  #isAgain(): boolean {
    return this.#pump === "again";
  }

  #send(taken: TakenMessage): void {
    const { port } = this.#context;
    const message = writeCommand(taken, this.#entry.key);
    if (this.#settled) {
      port.send(message);
      this.#settle(taken.lockToken, "complete").catch(() => undefined);
      return;
    }
    const tag = lockTag(taken.lockToken);
    this.#held.set(tag.toString("hex"), taken.lockToken);
    port.send(message, tag);
  }

  /** Whatever the outcome was, the hub's answer is accepted (spec/amqp §11.3). */
  async outcome(tag: string, outcome: Outcome): Promise<Outcome> {
    const lockToken = this.#held.get(tag);
    if (lockToken === undefined)
      throw new HubError("DeviceMessageLockLost", "The message is not held by this link");
    this.#held.delete(tag);
    const settlement = settlementOf(outcome);
    if (settlement === "release") await this.#release([lockToken]);
    else await this.#settle(lockToken, settlement);
    return accepted;
  }

  #settle(lockToken: string, how: Settlement): Promise<void> {
    const { hub } = this.#context.services;
    return hub.cloudToDevice.settle(this.#entry.opened.principal, lockToken, how);
  }

  async #release(lockTokens: readonly string[]): Promise<void> {
    const { services } = this.#context;
    try {
      await services.hub.cloudToDevice.release(this.#entry.opened.principal, lockTokens);
    } catch (error) {
      // The device may be gone, and its messages with it.
      if (!(error instanceof HubError)) throw error;
    }
  }

  ended(): void {
    this.#pump = "ended";
    if (this.#entry.messagesWaiting === this.#wake) this.#entry.messagesWaiting = undefined;
    const tokens = [...this.#held.values()];
    this.#held.clear();
    this.#release(tokens)
      .catch((error: unknown) => {
        const { log } = this.#context.services;
        log.error({ err: error, device: keyText(this.#entry.key) }, "messages were not released");
      })
      .finally(this.#identity.leave);
  }
}

/** Released means abandoned, which counts a delivery; modified counts one only if it says that it failed. */
function settlementOf(outcome: Outcome): Settlement | "release" {
  switch (outcome.kind) {
    case "accepted":
      return "complete";
    case "rejected":
      return "reject";
    case "released":
      return "abandon";
    case "modified":
      return outcome.deliveryFailed ? "abandon" : "release";
  }
}
