import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EventMessage } from "../../domain/messages/telemetry.ts";
import type { LogRow } from "../shared/changes.ts";
import { BlockMessages } from "./block-messages.ts";
import { type LogBlock, blocksOf } from "./log-block.ts";
import { readHeads } from "./read-heads.ts";

const seed = 20_261_123;

const text = fc.oneof(
  fc.constantFrom("a", "b", ']},"[{\\', "\u0000", "é😀", "__proto__"),
  fc.string({ unit: "binary", maxLength: 6 }).map((any) => Buffer.from(any).toString()),
);
const system = fc.oneof(
  fc.constantFrom<EventMessage["system"]>({}, { messageId: "1" }),
  fc.record({ messageId: text, component: text }, { requiredKeys: [] }),
);
const application = fc.oneof(
  fc.constantFrom<EventMessage["application"]>([], [["line", "a"]]),
  fc.array(fc.tuple(text, fc.option(text)), { maxLength: 3 }),
);
const messages: fc.Arbitrary<EventMessage[]> = fc.array(
  fc.record({
    key: fc.constantFrom({ deviceId: "d1" }, { deviceId: "d1", moduleId: "m]" }),
    body: fc.uint8Array({ maxLength: 5 }),
    system,
    application,
    source: fc.constantFrom("Telemetry" as const, "twinChangeEvents" as const),
    enqueuedTime: fc.oneof(fc.nat(), fc.constantFrom(0, -1, 0.5, 1e15, 1e21)),
    generationId: text,
    authMethod: fc.constantFrom("", '{"scope":"module"}'),
    modelId: fc.constantFrom("", "dtmi:a;1"),
  }),
  { minLength: 1, maxLength: 8 },
);

function rowsOf(all: readonly EventMessage[]): LogRow[] {
  let [enqueued, total] = [-5, 7];
  return all.map((message, index) => {
    enqueued = Math.max(enqueued, message.enqueuedTime);
    total += message.body.byteLength;
    return { partition: 2, sequenceNumber: 10 + index, enqueued, total, message };
  });
}

/** The only block of so few messages. */
function blockOf(rows: readonly LogRow[]): LogBlock {
  const [block] = blocksOf(rows);
  if (block === undefined) throw new Error("There is no block");
  return block;
}

describe("a block of messages", () => {
  it("is read as it was written, from any number on and up to any limit", () => {
    fc.assert(
      fc.property(messages, fc.nat(20), fc.nat(10), (all, from, limit) => {
        const rows = rowsOf(all);
        const block = new BlockMessages(blockOf(rows));
        const read: LogRow[] = [];
        block.addTo(read, from, limit);
        const expected = rows.filter(({ sequenceNumber }) => sequenceNumber >= from);
        expect(read).toEqual(expected.slice(0, limit));
        for (const number of [from, 10, 9 + rows.length, 10 + rows.length])
          expect(block.has(2, number)).toBe(number >= 10 && number < 10 + rows.length);
        expect(block.has(1, 10)).toBe(false);
      }),
      { seed, numRuns: 400 },
    );
  });
});

describe("the blocks of a commit", () => {
  it("hold every message of every partition in order, few or many, small or large", () => {
    const bodies = [
      ...Array.from({ length: 600 }, (_, index) => index % 7),
      300_000,
      5,
      700_000,
      1,
    ];
    const next = [1, 1];
    const rows = bodies.map((length, index): LogRow => {
      const partition = index % 2;
      const sequenceNumber = next[partition] ?? 0;
      next[partition] = sequenceNumber + 1;
      const [message] = fc.sample(messages, { seed: index, numRuns: 1 })[0] ?? [];
      if (message === undefined) throw new Error("There is no message");
      const body = new Uint8Array(length).fill(index);
      return { partition, sequenceNumber, enqueued: 0, total: 0, message: { ...message, body } };
    });
    const read: LogRow[] = [];
    for (const block of blocksOf(rows)) {
      // As the database does: what a block says stands until the next one is asked for.
      const kept = new BlockMessages({ ...block, bodies: Uint8Array.from(block.bodies) });
      kept.addTo(read, block.first, Number.POSITIVE_INFINITY);
    }
    for (const partition of [0, 1])
      expect(messagesOf(read, partition)).toEqual(messagesOf(rows, partition));
  });
});

function messagesOf(rows: readonly LogRow[], partition: number): unknown[] {
  const own = rows.filter((row) => row.partition === partition);
  return own.map(({ sequenceNumber, message }) => [
    sequenceNumber,
    { ...message, body: Buffer.from(message.body).toString("base64") },
  ]);
}

describe("the heads of a block", () => {
  it("say the same in another spelling", () => {
    fc.assert(
      fc.property(messages, (all) => {
        const { heads } = blockOf(rowsOf(all));
        const spread = JSON.stringify(JSON.parse(heads), null, 1);
        expect(readHeads(spread)).toEqual(readHeads(heads));
      }),
      { seed, numRuns: 200 },
    );
  });

  it("are refused when they are no JSON any more", () => {
    const marks = ["[", "]", "{", "}", ",", ":", '"', "\\", "0", "1", "e", "-", ".", " ", "a"];
    const other = fc.constantFrom(...marks);
    fc.assert(
      fc.property(messages, fc.nat(), fc.nat(2), other, (all, place, cut, character) => {
        const { heads } = blockOf(rowsOf(all));
        const at = place % heads.length;
        const damaged = heads.slice(0, at) + character + heads.slice(at + cut);
        fc.pre(!isJson(damaged));
        expect(() => readHeads(damaged)).toThrow(SyntaxError);
      }),
      { seed, numRuns: 1000 },
    );
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
