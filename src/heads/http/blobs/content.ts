import type { IncomingMessage } from "node:http";
import type { Clock } from "../../../app/ports.ts";
import { BlobError } from "../../../domain/files/blob-error.ts";
import type { Milliseconds } from "../../../domain/time.ts";

/**
 * The body of a request as it comes in, at the pace of whoever reads it. A sender that pauses for `stall`
 * milliseconds loses its connection. The connection outlives a reader that gives up, so that it can be answered.
 */
export async function* bodyOf(
  request: IncomingMessage,
  clock: Clock,
  stall: Milliseconds,
): AsyncGenerator<Uint8Array> {
  const arm = (): (() => void) =>
    clock.after(stall, () => request.destroy(new Error("The sender has paused for too long")));
  let cancel = arm();
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      cancel();
      yield chunk as Buffer;
      cancel = arm();
    }
  } finally {
    cancel();
  }
}

/** A small body as text; refuses one above `limit` bytes. */
export async function textOf(body: AsyncIterable<Uint8Array>, limit: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > limit) throw new BlobError("RequestBodyTooLarge");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
