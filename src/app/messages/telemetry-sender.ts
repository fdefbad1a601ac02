import { maxTelemetrySize, propertiesSize } from "../../domain/messages/size.ts";
import type { EventMessage, NewMessage } from "../../domain/messages/telemetry.ts";
import { type Completion, completeWith, refuseLater } from "../completion.ts";
import type { LiveConnection } from "../connections/live-connections.ts";
import type { HubContext } from "../context.ts";
import type { TelemetrySender } from "../hub.ts";
import type { IdentityPrincipal } from "../principal.ts";
import { authMethodText } from "./auth-method-text.ts";
import { partitionOf } from "./partition-of.ts";
import { propertyList, tooLarge } from "./send-telemetry.ts";

/**
 * One who sends messages together again and again: they are stamped alike and kept in order, refused as a whole, before any
 * is kept where they go to the event log (spec/semantics §10, §11.1). Hot: nothing that belongs to the sender, or to
 * properties that its messages share, is worked out for each message.
 */
export function telemetrySender(
  context: HubContext,
  principal: IdentityPrincipal,
): TelemetrySender {
  return new Sender(context, principal);
}

const noProperties: NewMessage["application"] = new Map();

class Sender implements TelemetrySender {
  readonly #context: HubContext;
  readonly #principal: IdentityPrincipal;
  readonly #partition: number;
  readonly #authMethod: string;
  /** The identity's connection when it was last looked for. */
  #connection: LiveConnection | undefined;
  /** Properties of the message before, which most messages share with it, and what they come to. */
  #system: NewMessage["system"] = {};
  #application = noProperties;
  #list: EventMessage["application"] = [];
  #size = 0;

  constructor(context: HubContext, principal: IdentityPrincipal) {
    this.#context = context;
    this.#principal = principal;
    const { partitions } = context.store.eventLog;
    this.#partition = partitionOf(principal.key.deviceId, partitions);
    this.#authMethod = authMethodText(principal.auth);
  }

  sendTogether(messages: readonly NewMessage[], completion: Completion): void {
    const { clock, router, store } = this.#context;
    const enqueuedTime = clock.now();
    const connection = this.#liveConnection();
    if (connection !== undefined) connection.lastActivityTime = enqueuedTime;
    const modelId = connection?.modelId ?? "";
    const stamped: EventMessage[] = [];
    for (const message of messages) {
      this.#look(message);
      const size = message.body.byteLength + this.#size;
      if (size > maxTelemetrySize)
        return refuseLater(completion, tooLarge(this.#principal.key, size));
      stamped.push(this.#stamp(message, enqueuedTime, modelId));
    }
    if (router.isStraight) store.eventLog.appendAll(this.#partition, stamped, completion);
    else completeWith(Promise.all(stamped.map((message) => router.telemetry(message))), completion);
  }

  #liveConnection(): LiveConnection | undefined {
    const { live } = this.#context;
    if (this.#connection?.current !== true) this.#connection = live.get(this.#principal.key);
    return this.#connection;
  }

  #look({ system, application }: NewMessage): void {
    if (system === this.#system && application === this.#application) return;
    this.#system = system;
    this.#application = application;
    this.#list = propertyList(application);
    this.#size = propertiesSize(system, application);
  }

  /** Member by member: spreading takes several times as long. */
  #stamp({ body, system }: NewMessage, enqueuedTime: number, modelId: string): EventMessage {
    const { key, generationId } = this.#principal;
    return {
      key,
      body,
      system,
      application: this.#list,
      source: "Telemetry",
      enqueuedTime,
      generationId,
      authMethod: this.#authMethod,
      modelId,
    };
  }
}
