import type { LoggedMessage } from "../../app/ports.ts";
import type { JsonObject } from "../../domain/json.ts";
import { messageDocument } from "../../domain/messages/message-document.ts";

/** A message of the event log as our own routes show it. */
export function eventView({ partition, sequenceNumber, message }: LoggedMessage): JsonObject {
  return { partition, sequenceNumber, ...messageDocument(message) };
}
