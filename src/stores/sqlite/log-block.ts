import type { IdentityKey } from "../../domain/identity/key.ts";
import type { EventMessage, MessageProperties } from "../../domain/messages/telemetry.ts";
import type { LogMark } from "../shared/backend.ts";
import type { LogRow } from "../shared/changes.ts";

/** What begins another block within a commit: who reads one message reads its whole block. */
const maxMessages = 256;
const maxBytes = 256 * 1024;

/** What was appended to one partition by one commit, or a part of it: a row of `log`. */
export interface LogBlock {
  readonly partition: number;
  /** The sequence number of the first message; the others follow without gaps. */
  readonly first: number;
  readonly count: number;
  /** `enqueued` of the first message. */
  readonly enqueued: number;
  /** Bytes of bodies that were ever appended before the block. */
  readonly before: number;
  /** JSON of `BlockHeads`. */
  readonly heads: string;
  /** All bodies, one behind the other. */
  readonly bodies: Uint8Array;
}

/** Who sent messages, by place: names would double the size of small messages. */
export type Sender = readonly [
  deviceId: string,
  moduleId: string,
  generationId: string,
  authMethod: string,
  modelId: string,
  source: EventMessage["source"],
];

/** What a message says of itself, as far as it does. */
export type Properties = readonly [
  system?: MessageProperties,
  application?: EventMessage["application"],
];

/** A message without its body; properties are left out if there are none. */
type Head = readonly [sender: number, length: number, enqueuedTime: number, ...Properties];

export type BlockHeads = readonly [senders: readonly Sender[], heads: readonly Head[]];

/**
 * The blocks of a commit's messages, which are in order within each partition. The bodies of a block stand only until the
 * next one is asked for.
 */
export function* blocksOf(rows: readonly LogRow[]): Generator<LogBlock> {
  const open = new Map<number, OpenBlock>();
  let block: OpenBlock | undefined;
  for (const row of rows) {
    if (block?.partition !== row.partition) block = open.get(row.partition);
    if (block === undefined || block.isFull) {
      if (block !== undefined) yield block.closed();
      block = new OpenBlock(row);
      open.set(row.partition, block);
    }
    block.add(row.message);
  }
  for (const last of open.values()) yield last.closed();
}

/** Where bodies are put together. A block's own buffer would be made and given back for each commit. */
let desk: Buffer | undefined;
/** Bodies of more bytes get a buffer of their own. */
const deskBytes = 2 * maxBytes;

function joined(bodies: readonly Uint8Array[], bytes: number): Uint8Array {
  if (bytes > deskBytes) return Buffer.concat(bodies, bytes);
  desk ??= Buffer.allocUnsafeSlow(deskBytes);
  let at = 0;
  for (const body of bodies) {
    desk.set(body, at);
    at += body.length;
  }
  return desk.subarray(0, bytes);
}

class OpenBlock {
  readonly #first: LogRow;
  readonly #senders: string[] = [];
  readonly #places = new Map<string, number>();
  readonly #bodies: Uint8Array[] = [];
  #heads = "";
  #bytes = 0;
  /** What the last message said of itself, and how it is written. */
  #said: Pick<EventMessage, "system" | "application"> | undefined;
  #saidText = "";
  /** A message of the sender that came last, and its place: messages of one sender come together. */
  #last: EventMessage | undefined;
  #lastPlace = 0;

  constructor(first: LogRow) {
    this.#first = first;
  }

  get partition(): number {
    return this.#first.partition;
  }

  get isFull(): boolean {
    return this.#bodies.length >= maxMessages || this.#bytes >= maxBytes;
  }

  add(message: EventMessage): void {
    const { body, enqueuedTime } = message;
    const place = this.#place(message);
    const properties = this.#propertiesText(message);
    const separator = this.#bodies.length === 0 ? "" : ",";
    this.#heads += `${separator}[${place},${body.byteLength},${enqueuedTime}${properties}]`;
    this.#bodies.push(body);
    this.#bytes += body.byteLength;
  }

  /** Of messages that follow each other, most say the same. */
  #propertiesText({ system, application }: EventMessage): string {
    const said = this.#said;
    if (said !== undefined && isSame(said.application, application)) {
      if (said.system === system || !(hasMembers(said.system) || hasMembers(system)))
        return this.#saidText;
    }
    this.#said = { system, application };
    this.#saidText = propertiesText(system, application);
    return this.#saidText;
  }

  closed(): LogBlock {
    const { partition, sequenceNumber, enqueued, total, message } = this.#first;
    return {
      partition,
      first: sequenceNumber,
      count: this.#bodies.length,
      enqueued,
      before: total - message.body.byteLength,
      heads: `[[${this.#senders.join(",")}],[${this.#heads}]]`,
      bodies: joined(this.#bodies, this.#bytes),
    };
  }

  #place(message: EventMessage): number {
    const last = this.#last;
    if (last?.key !== message.key || !isSameSender(last, message)) {
      this.#last = message;
      this.#lastPlace = this.#placeOf(message);
    }
    return this.#lastPlace;
  }

  #placeOf(message: EventMessage): number {
    const sender = senderText(message);
    const known = this.#places.get(sender);
    if (known !== undefined) return known;
    this.#places.set(sender, this.#senders.length);
    return this.#senders.push(sender) - 1;
  }
}

/** Behind the rest of a head; nothing if a message says nothing of itself. */
function propertiesText(
  system: MessageProperties,
  application: EventMessage["application"],
): string {
  if (application.length > 0) return `,${JSON.stringify(system)},${JSON.stringify(application)}`;
  return hasMembers(system) ? `,${JSON.stringify(system)}` : "";
}

function isSame(a: EventMessage["application"], b: EventMessage["application"]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) {
    const [one, other] = [a[index], b[index]];
    if (one?.[0] !== other?.[0] || one?.[1] !== other?.[1]) return false;
  }
  return true;
}

interface KnownSender {
  readonly message: EventMessage;
  readonly text: string;
}

/** A connection's messages share one key, and hardly ever differ in the rest. */
const knownSenders = new WeakMap<IdentityKey, KnownSender>();

function senderText(message: EventMessage): string {
  const known = knownSenders.get(message.key);
  if (known !== undefined && isSameSender(known.message, message)) return known.text;
  const { key, generationId, authMethod, modelId, source } = message;
  const sender: Sender = [
    key.deviceId,
    key.moduleId ?? "",
    generationId,
    authMethod,
    modelId,
    source,
  ];
  const text = JSON.stringify(sender);
  // Without its body, which may be large.
  knownSenders.set(key, { message: { ...message, body: noBytes, application: [] }, text });
  return text;
}

const noBytes = new Uint8Array();

function isSameSender(a: EventMessage, b: EventMessage): boolean {
  return (
    a.generationId === b.generationId &&
    a.authMethod === b.authMethod &&
    a.modelId === b.modelId &&
    a.source === b.source
  );
}

function hasMembers(object: object): boolean {
  for (const _ in object) return true;
  return false;
}

/** What a search needs of the message `sequenceNumber`, which lies in the block. */
export function markIn(
  { first, enqueued, before }: Pick<LogBlock, "first" | "enqueued" | "before">,
  [, heads]: BlockHeads,
  sequenceNumber: number,
): LogMark {
  const mark = { enqueued, total: before };
  for (const [, length, enqueuedTime] of heads.slice(0, sequenceNumber - first + 1)) {
    mark.enqueued = Math.max(mark.enqueued, enqueuedTime);
    mark.total += length;
  }
  return mark;
}
