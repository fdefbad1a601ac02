import type { LoggedMessage } from "../../../app/ports.ts";
import type { EventMessage } from "../../../domain/messages/telemetry.ts";
import { type ByteWriter, symbolBytes, writeInteger } from "../codec/byte-writer.ts";
import { eventNumber } from "./position.ts";

/** Names are encoded once. */
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
} as const;

/** The offset of a number; `-1` for a partition that never had an event. */
export function offsetText(number: number): string {
  return String(number);
}

/** Longer annotations are encoded each time. */
const maxKnownBytes = 2048;
/** The first number that takes eight bytes: below it the places of what follows are others. */
const firstLong = 128;
/** Descriptor, type, size and count of the map; a name; the type of a long. */
const numberAt = 3 + 1 + 4 + 4 + names.sequenceNumber.length + 1;
/** From there on: the long; a name; type and length of a text. */
const digitsAt = numberAt + 8 + names.offset.length + 2;
/** A name; the type of a timestamp. */
const beforeTime = names.enqueuedTime.length + 1;
/** A timestamp; a name; the type of another one. */
const betweenTimes = 8 + names.hubTime.length + 1;

interface Known {
  readonly bytes: Uint8Array;
  /** Whom they speak of; without the body, which may be large. */
  readonly message: EventMessage;
  readonly digits: number;
  /** Numbers with as many digits. */
  readonly first: number;
  readonly beyond: number;
}

/**
 * Writes the annotations of events (spec/amqp §13.7). Those of one sender differ in number and time only, which are written
 * over a copy of what was encoded last. Keeps `maxKnownBytes`.
 */
export class EventAnnotations {
  #known: Known | undefined;

  write(writer: ByteWriter, { sequenceNumber, message }: LoggedMessage): void {
    const number = eventNumber(sequenceNumber);
    const known = this.#known;
    if (known !== undefined && isLike(known, number, message)) {
      writeKnown(writer, known, number, message.enqueuedTime);
      return;
    }
    const start = writer.at;
    writeAnnotations(writer, number, message);
    this.#remember(writer.bytes.subarray(start, writer.at), number, message);
  }

  #remember(written: Uint8Array, number: number, message: EventMessage): void {
    this.#known = undefined;
    if (written.length > maxKnownBytes || number < firstLong) return;
    const digits = offsetText(number).length;
    this.#known = {
      bytes: Buffer.from(written),
      message: { ...message, body: noBytes, application: [] },
      digits,
      first: Math.max(firstLong, 10 ** (digits - 1)),
      beyond: 10 ** digits,
    };
  }
}

const noBytes = new Uint8Array();

function isLike({ message: by, first, beyond }: Known, number: number, of: EventMessage): boolean {
  if (number < first || number >= beyond) return false;
  const { key, system } = of;
  if (by.key !== key && (by.key.deviceId !== key.deviceId || by.key.moduleId !== key.moduleId))
    return false;
  return (
    by.authMethod === of.authMethod &&
    by.generationId === of.generationId &&
    by.modelId === of.modelId &&
    by.source === of.source &&
    by.system.creationTimeUtc === system.creationTimeUtc &&
    by.system.component === system.component &&
    by.system.interfaceId === system.interfaceId &&
    by.system.outputName === system.outputName
  );
}

function writeKnown(writer: ByteWriter, known: Known, number: number, time: number): void {
  const { bytes, at } = writer;
  writer.encoded(known.bytes);
  writeInteger(bytes, number, at + numberAt);
  const afterDigits = at + digitsAt + known.digits;
  let left = number;
  for (let place = afterDigits - 1; place >= at + digitsAt; place--) {
    const tens = Math.floor(left / 10);
    bytes[place] = 0x30 + left - tens * 10;
    left = tens;
  }
  const firstTime = afterDigits + beforeTime;
  writeInteger(bytes, time, firstTime);
  writeInteger(bytes, time, firstTime + betweenTimes);
}

/** In the order on which the places above rely: number, offset, times. */
function writeAnnotations(writer: ByteWriter, number: number, message: EventMessage): void {
  const { key, system, enqueuedTime, authMethod } = message;
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
