import { argumentInvalid } from "../../../domain/errors.ts";
import type { Milliseconds } from "../../../domain/time.ts";
import type { AmqpValue } from "../codec/values.ts";

/**
 * Event Hubs counts the events of a partition from 0 where the log counts from 1; an offset is the same number as text
 * (spec/amqp §13.7).
 */
export function eventNumber(sequenceNumber: number): number {
  return sequenceNumber - 1;
}

/** Where a reader begins; `from` is a number of the log. */
export type StartPosition =
  | { readonly kind: "sequence"; readonly from: number }
  | { readonly kind: "latest" }
  /** The first event enqueued at `time` or later. */
  | { readonly kind: "time"; readonly time: Milliseconds };

const earliest: StartPosition = { kind: "sequence", from: 1 };

/** `amqp.annotation.{name} {op} {value}`, the value in quotes or not (spec/amqp §13.5). */
const selector =
  /^\s*amqp\.annotation\.(?<name>[a-z-]+)\s*(?<op>>=?)\s*(?<quote>'?)(?<value>[^'\s]+)\k<quote>\s*$/i;

/** Event Hubs clients use the first name; AMQP libraries, whose users write the selector themselves, the others. */
const filterNames = ["apache.org:selector-filter:string", "jms-selector", "selector"];

/** Reads the filters of an attach; without a selector it is the first event that is kept. Refuses with ArgumentInvalid. */
export function startPosition(filters: ReadonlyMap<string, AmqpValue>): StartPosition {
  const filter = filterNames.map((name) => filters.get(name)).find((found) => found != null);
  if (filter === undefined || filter === null) return earliest;
  const found = typeof filter === "string" ? selector.exec(filter)?.groups : undefined;
  const { name, op, value } = found ?? {};
  if (name === undefined || op === undefined || value === undefined) throw unknownSelector();
  const isInclusive = op === ">=";
  switch (name.toLowerCase()) {
    case "x-opt-offset":
      if (value.toLowerCase() === "@latest") return { kind: "latest" };
      return afterEvent(value, isInclusive);
    case "x-opt-sequence-number":
      return afterEvent(value, isInclusive);
    case "x-opt-enqueued-time":
    case "x-opt-enqueuedtimeutc": {
      const time = integer(value);
      return { kind: "time", time: isInclusive ? time : time + 1 };
    }
    default:
      throw unknownSelector();
  }
}

function afterEvent(value: string, isInclusive: boolean): StartPosition {
  const number = integer(value);
  return { kind: "sequence", from: Math.max(1, isInclusive ? number + 1 : number + 2) };
}

function integer(value: string): number {
  const number = /^-?\d{1,19}$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isNaN(number)) throw unknownSelector();
  return Math.min(number, Number.MAX_SAFE_INTEGER - 2);
}

function unknownSelector(): Error {
  return argumentInvalid(
    "The filter must compare the offset, sequence number or enqueued time of events with > or >=",
  );
}
