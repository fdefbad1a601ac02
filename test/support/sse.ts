import { type IncomingMessage, get } from "node:http";
import { expect } from "vitest";
import type { JsonObject } from "../../src/domain/json.ts";

export interface StreamEvent {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: JsonObject;
}

/** A reader of server-sent events, as a browser reads them. */
export class EventReader {
  readonly response: IncomingMessage;
  readonly events: StreamEvent[] = [];
  heartbeats = 0;
  ended = false;
  lastId = "";
  #text = "";

  constructor(response: IncomingMessage) {
    this.response = response;
    response.setEncoding("utf8");
    response.on("data", (text: string) => this.#take(text));
    response.on("end", () => (this.ended = true));
    response.on("error", () => undefined);
  }

  /** Resolves when there are so many events, with all of them. */
  async next(count: number): Promise<readonly StreamEvent[]> {
    await expect.poll(() => this.events.length).toBeGreaterThanOrEqual(count);
    return this.events;
  }

  #take(text: string): void {
    const blocks = (this.#text + text).split("\n\n");
    this.#text = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = new Map(
        block.split("\n").map((line) => {
          const colon = line.indexOf(": ");
          return [line.slice(0, colon), line.slice(colon + 2)] as const;
        }),
      );
      this.lastId = fields.get("id") ?? this.lastId;
      const data = fields.get("data");
      if (data === undefined) this.heartbeats++;
      else {
        const value = JSON.parse(data) as JsonObject;
        this.events.push({ id: fields.get("id"), event: fields.get("event"), data: value });
      }
    }
  }
}

/** Opens a stream on a loopback port, and waits until the hub has begun to show it. */
export async function openEvents(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<EventReader> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ host: "127.0.0.1", port, path, agent: false, headers: { ...headers } }, resolve).on(
      "error",
      reject,
    );
  });
  const reader = new EventReader(response);
  expect(response.statusCode).toBe(200);
  await expect.poll(() => reader.heartbeats).toBeGreaterThanOrEqual(1);
  return reader;
}
