import type { HubEvent, TwinChanged } from "../../domain/events/hub-event.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import type { JsonObject } from "../../domain/json.ts";

/** What begins another block within a commit: who reads one event parses its whole block. */
const maxEvents = 256;
const maxCharacters = 256 * 1024;

/** What one commit put into the outbox, or a part of it: a row of `outbox`. */
export interface EventBlock {
  /** The sequence number of the first event; the others follow without gaps. */
  readonly first: number;
  readonly count: number;
  /** JSON of an array of events. */
  readonly events: string;
}

/** Parts of events that have been made to JSON texts already. */
export type KnownTexts = ReadonlyMap<JsonObject, string>;

/** The blocks of a commit's events, whose first one gets the number `first`. */
export function eventBlocks(
  events: readonly HubEvent[],
  first: number,
  known: KnownTexts = new Map(),
): EventBlock[] {
  const blocks: EventBlock[] = [];
  let text = "";
  let count = 0;
  let start = first;
  for (const event of events) {
    if (count >= maxEvents || text.length >= maxCharacters) {
      blocks.push({ first: start, count, events: `[${text}]` });
      start += count;
      text = "";
      count = 0;
    }
    text += count === 0 ? eventText(event, known) : `,${eventText(event, known)}`;
    count++;
  }
  if (count > 0) blocks.push({ first: start, count, events: `[${text}]` });
  return blocks;
}

function eventText(event: HubEvent, known: KnownTexts): string {
  if (event.type !== "twinChanged" || event.reported === undefined) return JSON.stringify(event);
  const { tags, desired, twin, reported } = event;
  const change = known.get(reported.change);
  return change === undefined || (tags ?? desired ?? twin) !== undefined
    ? JSON.stringify(event)
    : reportText(event, reported.version, change);
}

/** What `JSON.stringify` makes of a report's event. Hot: most events are of reports, and most of their text is known. */
function reportText(event: TwinChanged, reported: number, change: string): string {
  const { key, at, opType, etagCounter, version } = event;
  return `{"type":"twinChanged","key":${keyJson(key)},"at":${at},"opType":"${opType}","etagCounter":${etagCounter},"version":${version},"reported":{"change":${change},"version":${reported}}}`;
}

/** A connection's events share one key. */
const keyTexts = new WeakMap<IdentityKey, string>();

function keyJson(key: IdentityKey): string {
  const known = keyTexts.get(key);
  if (known !== undefined) return known;
  const text = JSON.stringify(key);
  keyTexts.set(key, text);
  return text;
}
