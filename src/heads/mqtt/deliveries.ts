import type { TakenMessage } from "../../app/messages/receive-cloud-to-device.ts";
import type { Subscription } from "../../app/ports.ts";
import { HubError } from "../../domain/errors.ts";
import type { Settlement } from "../../domain/messages/c2d-queue.ts";
import { encodePropertyBag } from "../../wire/property-bag.ts";
import { encodePublish } from "./encode.ts";
import { grantedQos, isSubscribed } from "./filters.ts";
import { PacketIds } from "./packet-ids.ts";
import type { DeviceSession } from "./session.ts";
import { deviceboundTopic, maxTopic } from "./topics.ts";

type State =
  /** Waits for the client of a stored session to subscribe again; `cancel` ends that. */
  | { readonly name: "held"; readonly cancel: () => void }
  | { readonly name: "idle" }
  /** The hub is asked; `again` if there is a reason to ask once more. */
  | { readonly name: "asking"; readonly again: boolean }
  | { readonly name: "ended" };

/**
 * Cloud-to-device messages of one connection (spec/mqtt §6.3): as many as are allowed at a time, in order, PUBACK
 * completes. What is not acknowledged stays locked until the connection ends. A module has none.
 */
export class Deliveries {
  readonly #session: DeviceSession;
  /** A topic that every useful filter for such messages selects. */
  readonly #probe: string;
  readonly #ids: PacketIds;
  /** Lock tokens by packet id: sent with QoS 1, not acknowledged. */
  readonly #unacknowledged = new Map<number, string>();
  /** Taken, but the client is slow. */
  #unsent: readonly TakenMessage[] = [];
  #settling = 0;
  #state: State = { name: "idle" };

  constructor(session: DeviceSession) {
    this.#session = session;
    this.#probe = deviceboundTopic(session.principal.key.deviceId, "%24.to=");
    this.#ids = new PacketIds((id) => this.#unacknowledged.has(id));
  }

  /** The connection is open: stored subscriptions count, after a while for clients that are not listening yet. */
  start(): void {
    const { services, opened } = this.#session;
    const { storedHold } = services.limits;
    if (opened.sessionPresent && storedHold > 0 && this.#qos() !== undefined) {
      this.#state = { name: "held", cancel: services.clock.after(storedHold, () => this.#free()) };
    }
    this.proceed();
  }

  /** New subscriptions are active. */
  subscribed(added: readonly Subscription[]): void {
    if (isSubscribed(added, this.#probe)) this.#free();
  }

  /** Sends what had to wait for the client. */
  resume(): void {
    if (this.#unsent.length > 0) this.#send();
  }

  /** Takes and sends as many messages as there is room for. */
  proceed(): void {
    if (this.#state.name === "asking") this.#state = { name: "asking", again: true };
    if (this.#state.name !== "idle" || this.#room <= 0 || this.#qos() === undefined) return;
    this.#state = { name: "asking", again: false };
    this.#take(this.#room).catch((error: unknown) => this.#failed(error));
  }

  /** PUBACK. Ids that nobody waits for mean nothing. */
  acknowledged(packetId: number): void {
    const lockToken = this.#unacknowledged.get(packetId);
    if (lockToken === undefined) return;
    this.#unacknowledged.delete(packetId);
    this.#settle(lockToken, "complete");
  }

  /** Nothing is sent any more; what was taken comes free when the hub hears of the connection's end. */
  end(): void {
    if (this.#state.name === "held") this.#state.cancel();
    this.#state = { name: "ended" };
    this.#unsent = [];
    this.#unacknowledged.clear();
  }

  #free(): void {
    if (this.#state.name === "held") {
      this.#state.cancel();
      this.#state = { name: "idle" };
    }
    this.proceed();
  }

  #qos(): 0 | 1 | undefined {
    const { principal, subscriptions } = this.#session;
    if (principal.key.moduleId !== undefined) return undefined;
    return grantedQos(subscriptions, this.#probe);
  }

  get #room(): number {
    const { deliveries } = this.#session.services.limits;
    return deliveries - this.#unacknowledged.size - this.#unsent.length - this.#settling;
  }

  async #take(limit: number): Promise<void> {
    const { services, principal, opened } = this.#session;
    const taken = await services.hub.cloudToDevice.receive(principal, limit, opened.id);
    if (this.#state.name !== "asking") return;
    const { again } = this.#state;
    this.#state = { name: "idle" };
    this.#unsent = [...this.#unsent, ...taken];
    this.#send();
    if (again || taken.length === limit) this.proceed();
  }

  #send(): void {
    const { deliveryBacklog } = this.#session.services.limits;
    while (this.#state.name !== "ended" && this.#session.backlog() < deliveryBacklog) {
      const [next, ...others] = this.#unsent;
      if (next === undefined) return;
      const qos = this.#qos();
      if (qos === undefined) return this.#giveBack();
      this.#unsent = others;
      this.#sendOne(next, qos);
    }
  }

  #sendOne(taken: TakenMessage, qos: 0 | 1): void {
    const { principal, opened, services } = this.#session;
    const topic = topicOf(taken, principal.key.deviceId);
    if (Buffer.byteLength(topic) > maxTopic) {
      services.log.warn(
        { ...principal.key, sequence: taken.sequence },
        "a message was rejected: its properties do not fit into an MQTT topic",
      );
      return this.#settle(taken.lockToken, "reject");
    }
    if (qos === 0) {
      this.#session.write(encodePublish(topic, taken.body));
      return this.#settle(taken.lockToken, "complete");
    }
    const packetId = this.#ids.next();
    this.#unacknowledged.set(packetId, taken.lockToken);
    // [MQTT-3.3.1-1] Only the stored session has seen the message before.
    const dup = taken.redelivered && opened.sessionPresent;
    this.#session.write(encodePublish(topic, taken.body, { qos, packetId, dup }));
  }

  /** The client has unsubscribed meanwhile: what was not sent stays queued (spec/mqtt §3.2). */
  #giveBack(): void {
    const { services, principal } = this.#session;
    const tokens = this.#unsent.map(({ lockToken }) => lockToken);
    this.#unsent = [];
    services.hub.cloudToDevice
      .release(principal, tokens)
      .catch((error: unknown) => this.#failed(error));
  }

  #settle(lockToken: string, how: Settlement): void {
    const { services, principal } = this.#session;
    // A message that was not written has ended the connection, and comes again.
    if (this.#state.name === "ended") return;
    this.#settling++;
    services.hub.cloudToDevice
      .settle(principal, lockToken, how)
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#settling--;
        this.proceed();
      });
  }

  /** A message that died meanwhile is nobody's fault, and neither is what a connection finds that has ended. */
  #failed(error: unknown): void {
    const { services, principal } = this.#session;
    const isOver = error instanceof HubError && error.name === "DeviceMessageLockLost";
    if (!isOver && this.#state.name !== "ended") return this.#session.fail(error);
    services.log.debug({ ...principal.key, err: error }, "a message was not settled");
  }
}

function topicOf({ message }: TakenMessage, deviceId: string): string {
  const { to = `/devices/${deviceId}/messages/deviceBound`, ...system } = message.system;
  const bag = encodePropertyBag({
    address: { kind: "to", to },
    system,
    ack: message.ack === "none" ? undefined : message.ack,
    application: message.application,
  });
  return deviceboundTopic(deviceId, bag);
}
