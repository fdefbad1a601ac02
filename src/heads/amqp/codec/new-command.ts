import { argumentInvalid } from "../../../domain/errors.ts";
import type { FeedbackRequest, NewCloudToDevice } from "../../../domain/messages/c2d-queue.ts";
import type { AmqpMessage } from "./message.ts";
import { readNewMessage } from "./new-message.ts";

const ackName = "iothub-ack";

/** A service's message to a device; a body that is text or a value becomes bytes (spec/amqp §12.1). */
export function readNewCommand(message: AmqpMessage): NewCloudToDevice {
  const { body, system, application } = readNewMessage(message);
  const others = new Map(application);
  others.delete(ackName);
  return {
    body,
    system,
    application: others,
    ack: readAck(application.get(ackName)),
    expiryTime: message.absoluteExpiryTime,
  };
}

function readAck(text: string | null | undefined): FeedbackRequest {
  switch (text?.toLowerCase()) {
    case undefined:
    case "":
    case "none":
      return "none";
    case "positive":
      return "positive";
    case "negative":
      return "negative";
    case "full":
      return "full";
    default:
      throw argumentInvalid("iothub-ack must be none, positive, negative or full");
  }
}
