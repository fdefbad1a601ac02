import type { LoggedMessage, PartitionInfo } from "../../../app/ports.ts";
import type { EventMessage } from "../../../domain/messages/telemetry.ts";
import { type Milliseconds, never } from "../../../domain/time.ts";
import { type ByteWriter, symbolBytes, textBytes } from "../codec/byte-writer.ts";
import type { MessageEncoder } from "../frames/transfer-page.ts";
import { EventAnnotations, offsetText } from "./event-annotations.ts";
import { eventNumber } from "./position.ts";

/** Where a partition ends, for readers that have asked to be told with each event (spec/amqp §13.7). */
export interface RuntimeMetrics {
  readonly partition: PartitionInfo;
  readonly now: Milliseconds;
}

/** Room for what is in every message: descriptors, names of annotations, numbers and times. */
const fixedBytes = 1024;

/** Names are encoded once. */
const names = {
  lastSequenceNumber: symbolBytes("last_enqueued_sequence_number"),
  lastOffset: symbolBytes("last_enqueued_offset"),
  lastTime: symbolBytes("last_enqueued_time_utc"),
  retrievalTime: symbolBytes("runtime_info_retrieval_time_utc"),
} as const;

/** Writes events as readers of Event Hubs get them (spec/amqp §13.7). One for each link. */
export class EventEncoder implements MessageEncoder<LoggedMessage> {
  /** Told with each event, if they are there. */
  metrics: RuntimeMetrics | undefined;
  readonly #annotations = new EventAnnotations();

  capacityOf({ message }: LoggedMessage): number {
    const { key, system, application, body, authMethod, modelId, generationId, source } = message;
    let capacity = fixedBytes + body.length;
    capacity += textBytes(key.deviceId) + textBytes(key.moduleId ?? "") + textBytes(authMethod);
    capacity += textBytes(modelId) + textBytes(generationId) + textBytes(source);
    for (const name in system) capacity += textBytes(system[name as keyof typeof system] ?? "");
    for (const [name, value] of application) capacity += textBytes(name) + textBytes(value ?? "");
    return capacity;
  }

  write(writer: ByteWriter, logged: LoggedMessage): void {
    const { message } = logged;
    if (this.metrics !== undefined) writeMetrics(writer, this.metrics);
    this.#annotations.write(writer, logged);
    writeProperties(writer, message);
    writeApplication(writer, message);
    writer.section(0x75);
    writer.binary(message.body);
  }
}

function writeMetrics(writer: ByteWriter, { partition, now }: RuntimeMetrics): void {
  const last = eventNumber(partition.lastSequenceNumber);
  writer.section(0x71);
  writer.map(() => {
    writer.encoded(names.lastSequenceNumber);
    writer.long(last);
    writer.encoded(names.lastOffset);
    writer.string(offsetText(last));
    writer.encoded(names.lastTime);
    writer.timestamp(last < 0 ? never : partition.lastEnqueuedTime);
    writer.encoded(names.retrievalTime);
    writer.timestamp(now);
    return 8;
  });
}

/** The list of properties, up to the last one that is there. */
function writeProperties(writer: ByteWriter, { system }: EventMessage): void {
  const { messageId, userId, to, correlationId, contentType, contentEncoding } = system;
  const all = [messageId, userId, to, undefined, undefined, correlationId, contentType];
  all.push(contentEncoding);
  let count = all.length;
  while (count > 0 && all[count - 1] === undefined) count--;
  if (count === 0) return;
  writer.section(0x73);
  writer.list(() => {
    for (const [index, field] of all.slice(0, count).entries()) {
      if (field === undefined) writer.null();
      else if (index === 1) writer.binary(Buffer.from(field));
      else if (index >= 6) writer.symbol(field);
      else writer.string(field);
    }
    return count;
  });
}

function writeApplication(writer: ByteWriter, { application, system }: EventMessage): void {
  if (application.length === 0 && system.schema === undefined) return;
  writer.section(0x74);
  writer.map(() => {
    for (const [name, value] of application) {
      writer.string(name);
      if (value === null) writer.null();
      else writer.string(value);
    }
    if (system.schema === undefined) return application.length * 2;
    writer.string("iothub-message-schema");
    writer.string(system.schema);
    return application.length * 2 + 2;
  });
}
