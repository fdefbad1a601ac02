import type { HubEvent } from "../events/hub-event.ts";
import type { IdentityKey } from "../identity/key.ts";
import type { EventMessage } from "../messages/telemetry.ts";
import { type Milliseconds, timeText } from "../time.ts";
import { lifecycleText, twinChangedText } from "../twin/event-view.ts";

interface Parts {
  readonly key: IdentityKey;
  /** The job that the message is about; `key` then names nobody. */
  readonly jobId?: string | undefined;
  readonly at: Milliseconds;
  readonly source: Exclude<EventMessage["source"], "Telemetry">;
  readonly schema: string;
  readonly opType: string;
  readonly body: string;
}

/**
 * The message that tells services of an event, or undefined for events that are the hub's own business
 * (spec/semantics §5.1–5.3, spec/amqp §13.7). `sequence` is the event's place in the outbox, from 1: told twice, an event
 * makes the same message, apart from `enqueuedTime`.
 */
export function hubMessage(
  event: HubEvent,
  sequence: number,
  hubName: string,
  enqueuedTime: Milliseconds,
): EventMessage | undefined {
  const parts = partsOf(event, sequence);
  if (parts === undefined) return undefined;
  const { key, jobId, at, source, schema, opType, body } = parts;
  return {
    key,
    source,
    enqueuedTime,
    body: Buffer.from(body),
    system: {
      contentType: "application/json",
      contentEncoding: "utf-8",
      correlationId: sequence.toString(16).padStart(12, "0"),
      userId: hubName,
    },
    application: [
      ["hubName", hubName],
      jobId === undefined ? ["deviceId", key.deviceId] : ["jobId", jobId],
      ...(key.moduleId === undefined ? [] : [["moduleId", key.moduleId] as const]),
      ["operationTimestamp", timeText(at)],
      ["iothub-message-schema", schema],
      ["opType", opType],
    ],
    generationId: "",
    authMethod: "",
    modelId: "",
  };
}

function partsOf(event: HubEvent, sequence: number): Parts | undefined {
  switch (event.type) {
    case "twinChanged":
      return {
        ...event,
        source: "twinChangeEvents",
        schema: "twinChangeNotification",
        opType: event.opType,
        body: twinChangedText(event),
      };
    case "identityCreated":
    case "identityDeleted":
      return {
        ...event,
        source: "deviceLifecycleEvents",
        schema: "deviceLifecycleNotification",
        opType: event.type === "identityCreated" ? "createDeviceIdentity" : "deleteDeviceIdentity",
        body: lifecycleText(event),
      };
    case "connectionChanged":
      return {
        ...event,
        source: "deviceConnectionStateEvents",
        schema: "deviceConnectionStateNotification",
        opType: event.connected ? "deviceConnected" : "deviceDisconnected",
        body: JSON.stringify({ sequenceNumber: sequenceText(sequence) }),
      };
    case "jobChanged":
      return {
        at: event.at,
        key: { deviceId: "" },
        jobId: event.jobId,
        source: "deviceJobLifecycleEvents",
        schema: "deviceJobLifecycleNotification",
        opType: event.operation,
        body: JSON.stringify(event.job),
      };
    case "identityUpdated":
    case "messageQueued":
    case "policyChanged":
    case "authoritiesChanged":
    case "routingChanged":
      return undefined;
  }
}

/** 64 hexadecimal digits that compare as text: the outbox counts for ever, so later events have larger ones. */
function sequenceText(sequence: number): string {
  return sequence.toString(16).toUpperCase().padStart(64, "0");
}
