import { HubError, argumentInvalid } from "../../domain/errors.ts";
import type { BulkEntry } from "../../domain/identity/inputs.ts";
import type { JsonObject } from "../../domain/json.ts";
import { readEntry } from "../../domain/transfers/entry.ts";
import { parseTwinObject } from "../../domain/twin/parse.ts";
import type { HubContext } from "../context.ts";
import { bulk } from "../identities/bulk.ts";
import type { BlobContent } from "../ports.ts";
import type { PolicyPrincipal } from "../principal.ts";
import { errorQueue, findTransfer, putTransfer } from "./stored-transfers.ts";

/** Lines that are applied together. */
const batchSize = 100;
/** Bytes of one line: an identity with a full twin, and room. */
const maxLineBytes = 1_048_576;
/** Errors that are kept for the log. */
export const maxErrors = 10_000;

/** As whom lines are applied: whoever made the job had this right. */
const importer: PolicyPrincipal = { kind: "policy", policy: "import", rights: ["RegistryWrite"] };

/**
 * Applies the lines of an import after those that an earlier process has applied. A batch that was under way when that
 * ended is applied again. What cannot be applied is kept for the log and stops nothing.
 */
export async function importLines(
  context: HubContext,
  id: string,
  content: BlobContent,
  onBytes: (read: number) => void,
  isStopped: () => boolean,
): Promise<void> {
  const { linesDone } = await context.store.transaction(null, (tx) => findTransfer(tx, id));
  let line = 0;
  let batch = new Batch(context, id);
  for await (const text of linesOf(content, onBytes)) {
    line += 1;
    if (line <= linesDone || text.trim() === "") continue;
    batch.add(line, text);
    if (batch.isFull) {
      await batch.apply();
      batch = new Batch(context, id);
      if (isStopped()) return;
    }
  }
  await batch.apply();
}

class Batch {
  readonly #context: HubContext;
  readonly #id: string;
  /** Several lines may be about one identity: each round has one of them at the most. */
  readonly #rounds: { readonly keys: Set<string>; readonly entries: BulkEntry[] }[] = [];
  readonly #errors: JsonObject[] = [];
  #size = 0;
  #lastLine = 0;

  constructor(context: HubContext, id: string) {
    this.#context = context;
    this.#id = id;
  }

  get isFull(): boolean {
    return this.#size >= batchSize;
  }

  add(line: number, text: string): void {
    this.#size += 1;
    this.#lastLine = line;
    try {
      const entry = readEntry(parseTwinObject(text));
      const key = `${entry.id}/${entry.moduleId ?? ""}`;
      let round = this.#rounds.at(-1);
      if (round === undefined || round.keys.has(key)) {
        round = { keys: new Set(), entries: [] };
        this.#rounds.push(round);
      }
      round.keys.add(key);
      round.entries.push(entry);
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      this.#errors.push({
        line,
        errorCode: error.number,
        errorStatus: error.name,
        message: error.message,
      });
    }
  }

  /** Applies all, then remembers how far the import has come. */
  async apply(): Promise<void> {
    const { store } = this.#context;
    for (const { entries } of this.#rounds) {
      const { errors, warnings } = await bulk(this.#context, importer, entries);
      for (const { deviceId, moduleId, errorCode, errorStatus, operation } of errors)
        this.#errors.push({
          id: deviceId,
          ...(moduleId === undefined ? {} : { moduleId }),
          errorCode,
          errorStatus,
          operation,
        });
      for (const { deviceId, warningCode, warningStatus } of warnings)
        this.#errors.push({ id: deviceId, errorStatus: warningCode, message: warningStatus });
    }
    if (this.#lastLine === 0) return;
    await store.transaction(null, (tx) => {
      putTransfer(tx, { ...findTransfer(tx, this.#id), linesDone: this.#lastLine });
      const queue = errorQueue(this.#id);
      const room = maxErrors - tx.queueLength(queue);
      for (const error of this.#errors.slice(0, Math.max(0, room)))
        tx.addToQueue(queue, error, new Uint8Array());
    });
  }
}

/** Refuses with ArgumentInvalid a line that is too long, and what is no UTF-8. */
export async function* linesOf(
  content: BlobContent,
  onBytes: (read: number) => void,
): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  let read = 0;
  const decode = (chunk?: Uint8Array): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
    } catch {
      throw argumentInvalid("The blob is not valid UTF-8");
    }
  };
  for await (const chunk of content) {
    const lines = (rest + decode(chunk)).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > maxLineBytes)
      throw argumentInvalid(`A line is longer than ${maxLineBytes} characters`);
    yield* lines;
    read += chunk.length;
    onBytes(read);
  }
  rest += decode();
  if (rest !== "") yield rest;
}
