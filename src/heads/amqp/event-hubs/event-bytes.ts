import type { LoggedMessage, PartitionInfo } from "../../../app/ports.ts";
import { type Milliseconds, never } from "../../../domain/time.ts";
import { ByteWriter, textBytes } from "../codec/byte-writer.ts";
import { eventNumber } from "./position.ts";

/** Where a partition ends, for readers that have asked to be told with each event (spec/amqp §13.7). */
export interface RuntimeMetrics {
  readonly partition: PartitionInfo;
  readonly now: Milliseconds;
}

/** Room for what is in every message: descriptors, names of annotations, numbers and times. */
const fixedBytes = 1024;

/** The offset of a number; `-1` for a partition that never had an event. */
export function offsetText(number: number): string {
  return String(number);
}

/** An event as readers of Event Hubs get it, encoded (spec/amqp §13.7), behind `room` bytes for whoever sends it. */
export function encodeEvent(logged: LoggedMessage, metrics?: RuntimeMetrics, room = 0): Buffer {
  const { message } = logged;
  const writer = new ByteWriter(capacityFor(logged) + room, room);
  if (metrics !== undefined) writeMetrics(writer, metrics);
  writeAnnotations(writer, logged);
  writeProperties(writer, logged);
  writeApplication(writer, logged);
  writer.section(0x75);
  writer.binary(message.body);
  return writer.done();
}

function capacityFor({ message }: LoggedMessage): number {
  const { key, system, application, body, authMethod, modelId, generationId, source } = message;
  let capacity = fixedBytes + body.length;
  const texts = [key.deviceId, key.moduleId, authMethod, modelId, generationId, source];
  for (const text of texts) if (text !== undefined) capacity += textBytes(text);
  for (const text of Object.values(system))
    if (text !== undefined) capacity += textBytes(String(text));
  for (const [name, value] of application) capacity += textBytes(name) + textBytes(value ?? "");
  return capacity;
}

/** Names are encoded once. */
function symbolBytes(name: string): Buffer {
  const writer = new ByteWriter(textBytes(name));
  writer.symbol(name);
  return Buffer.from(writer.done());
}

const names = {
  sequenceNumber: symbolBytes("x-opt-sequence-number"),
  offset: symbolBytes("x-opt-offset"),
  enqueuedTime: symbolBytes("x-opt-enqueued-time"),
  deviceId: symbolBytes("iothub-connection-device-id"),
  moduleId: symbolBytes("iothub-connection-module-id"),
  authMethod: symbolBytes("iothub-connection-auth-method"),
  generationId: symbolBytes("iothub-connection-auth-generation-id"),
  hubTime: symbolBytes("iothub-enqueuedtime"),
  source: symbolBytes("iothub-message-source"),
  creationTime: symbolBytes("iothub-creation-time-utc"),
  dataSchema: symbolBytes("dt-dataschema"),
  subject: symbolBytes("dt-subject"),
  interfaceId: symbolBytes("iothub-interface-id"),
  outputName: symbolBytes("iothub-outputname"),
  lastSequenceNumber: symbolBytes("last_enqueued_sequence_number"),
  lastOffset: symbolBytes("last_enqueued_offset"),
  lastTime: symbolBytes("last_enqueued_time_utc"),
  retrievalTime: symbolBytes("runtime_info_retrieval_time_utc"),
} as const;

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

function writeAnnotations(writer: ByteWriter, { sequenceNumber, message }: LoggedMessage): void {
  const { key, system, enqueuedTime, authMethod } = message;
  const number = eventNumber(sequenceNumber);
  writer.section(0x72);
  writer.map(() => {
    let count = 8;
    writer.encoded(names.sequenceNumber);
    writer.long(number);
    writer.encoded(names.offset);
    writer.string(offsetText(number));
    writer.encoded(names.enqueuedTime);
    writer.timestamp(enqueuedTime);
    writer.encoded(names.hubTime);
    writer.timestamp(enqueuedTime);
    const text = (name: Buffer, value: string | undefined): void => {
      if (value === undefined || value === "") return;
      writer.encoded(name);
      writer.string(value);
      count += 2;
    };
    text(names.deviceId, key.deviceId);
    text(names.moduleId, key.moduleId);
    text(names.authMethod, authMethod);
    // Events of the hub itself were sent by nobody.
    text(names.generationId, authMethod === "" ? undefined : message.generationId);
    text(names.source, message.source);
    text(names.creationTime, system.creationTimeUtc);
    text(names.dataSchema, message.modelId);
    text(names.subject, system.component);
    text(names.interfaceId, system.interfaceId);
    text(names.outputName, system.outputName);
    return count;
  });
}

/** The list of properties, up to the last one that is there. */
function writeProperties(writer: ByteWriter, { message }: LoggedMessage): void {
  const { messageId, userId, to, correlationId, contentType, contentEncoding } = message.system;
  const fields = [messageId, userId, to, undefined, undefined, correlationId, contentType];
  fields.push(contentEncoding);
  const count = fields.findLastIndex((field) => field !== undefined) + 1;
  if (count === 0) return;
  writer.section(0x73);
  writer.list(() => {
    for (const [index, field] of fields.slice(0, count).entries()) {
      if (field === undefined) writer.null();
      else if (index === 1) writer.binary(Buffer.from(field));
      else if (index >= 6) writer.symbol(field);
      else writer.string(field);
    }
    return count;
  });
}

function writeApplication(writer: ByteWriter, { message }: LoggedMessage): void {
  const { application, system } = message;
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
