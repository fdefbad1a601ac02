import { Readable } from "node:stream";

/** Characters that are encoded and encrypted in one turn of the event loop. */
const sliceLength = 128 * 1024;

/**
 * An array of JSON texts as a body: bytes where it is short, else a stream that makes them as the connection takes them,
 * so that an answer of megabytes does not hold up the event loop.
 */
export function jsonArray(texts: readonly string[]): Buffer | Readable {
  const length = texts.reduce((sum, text) => sum + text.length + 1, 2);
  if (length <= sliceLength) return Buffer.from(`[${texts.join(",")}]`);
  return Readable.from(slices(texts), { objectMode: false, highWaterMark: sliceLength });
}

async function* slices(texts: readonly string[]): AsyncGenerator<Buffer> {
  let slice = "[";
  for (const [index, text] of texts.entries()) {
    slice += index === 0 ? text : `,${text}`;
    if (slice.length < sliceLength) continue;
    yield Buffer.from(slice);
    slice = "";
    await new Promise((resolve) => setImmediate(resolve));
  }
  yield Buffer.from(`${slice}]`);
}
