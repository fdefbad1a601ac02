import type { ServiceMessage, ServiceQueueName } from "../../../app/messages/service-queue.ts";
import type { AmqpMessage } from "./message.ts";
import type { AmqpValue } from "./values.ts";

const contentTypes: Record<ServiceQueueName, string> = {
  feedback: "application/vnd.microsoft.iothub.feedback.json",
  fileNotifications: "application/vnd.microsoft.iothub.filenotification.json",
};

/** A batch of feedback, or the notification of a file, as services read it (spec/amqp §12.2, §12.3). */
export function writeServiceMessage(
  queue: ServiceQueueName,
  { lockToken, enqueuedTime, body }: ServiceMessage,
  hubName: string,
): AmqpMessage {
  return {
    messageId: { type: "string", value: lockToken },
    userId: Buffer.from(hubName),
    contentType: contentTypes[queue],
    contentEncoding: "utf-8",
    annotations: new Map<string, AmqpValue>([["iothub-enqueuedtime", new Date(enqueuedTime)]]),
    body: { kind: "data", sections: [body] },
  };
}
