import type { CommittedEvent } from "../../app/ports.ts";
import type { HubEvent } from "../../domain/events/hub-event.ts";
import { parse } from "./codec.ts";
import type { Driver, Row } from "./driver.ts";

/** Reads the blocks of the outbox. */
export class EventRecords {
  readonly #statements: ReturnType<typeof prepareReads>;

  constructor(driver: Driver) {
    this.#statements = prepareReads(driver);
  }

  /** Events after `sequence`, oldest first. A block that was trimmed in part gives all of its events. */
  after(sequence: number, limit: number): readonly CommittedEvent[] {
    const found: CommittedEvent[] = [];
    let next = sequence + 1;
    while (found.length < limit) {
      const row = this.#blockFrom(next);
      if (row === undefined) break;
      const first = Number(row["sequence"]);
      const events = parse(row["events"]) as readonly HubEvent[];
      for (const [index, event] of events.entries()) {
        if (first + index >= next && found.length < limit)
          found.push({ sequence: first + index, event });
      }
      next = first + events.length;
    }
    return found;
  }

  /** The number of the newest event that is there, or 0. */
  last(): number {
    return endOf(this.#statements.upTo.get([Number.MAX_SAFE_INTEGER]));
  }

  /** The block that holds a number, or else the next one. */
  #blockFrom(sequence: number): Row | undefined {
    const start = this.#statements.upTo.get([sequence]);
    if (start !== undefined && endOf(start) >= sequence) return start;
    return this.#statements.after.get([sequence]);
  }
}

function endOf(block: Row | undefined): number {
  return block === undefined ? 0 : Number(block["sequence"]) + Number(block["count"]) - 1;
}

function prepareReads(driver: Driver) {
  const columns = "sequence, count, events";
  return {
    upTo: driver.prepare(
      `SELECT ${columns} FROM outbox WHERE sequence <= ? ORDER BY sequence DESC LIMIT 1`,
    ),
    after: driver.prepare(
      `SELECT ${columns} FROM outbox WHERE sequence > ? ORDER BY sequence LIMIT 1`,
    ),
  };
}
