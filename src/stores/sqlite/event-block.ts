import type { HubEvent } from "../../domain/events/hub-event.ts";

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

/** The blocks of a commit's events, whose first one gets the number `first`. */
export function eventBlocks(events: readonly HubEvent[], first: number): EventBlock[] {
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
    text += count === 0 ? JSON.stringify(event) : `,${JSON.stringify(event)}`;
    count++;
  }
  if (count > 0) blocks.push({ first: start, count, events: `[${text}]` });
  return blocks;
}
