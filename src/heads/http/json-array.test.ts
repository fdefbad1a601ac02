import { describe, expect, it } from "vitest";
import { jsonArray } from "./json-array.ts";

async function bytesOf(texts: readonly string[]): Promise<{ text: string; slices: number[] }> {
  const body = jsonArray(texts);
  if (Buffer.isBuffer(body)) return { text: body.toString(), slices: [body.length] };
  const slices: Buffer[] = [];
  for await (const slice of body) slices.push(slice as Buffer);
  return { text: Buffer.concat(slices).toString(), slices: slices.map(({ length }) => length) };
}

describe("An array of texts as a body", () => {
  it.each([[[]], [["{}"]], [['{"a":1}', '{"b":"ü"}']]])(
    "is in one piece when short: %j",
    async (texts) => {
      const { text, slices } = await bytesOf(texts);
      expect(JSON.parse(text)).toEqual(texts.map((one) => JSON.parse(one)));
      expect(slices).toHaveLength(1);
    },
  );

  it("is a stream of pieces when long, with characters whole", async () => {
    const texts = Array.from({ length: 1000 }, (_, n) =>
      JSON.stringify({ n, text: "ü€😀".repeat(200) }),
    );
    const { text, slices } = await bytesOf(texts);
    expect(JSON.parse(text)).toEqual(texts.map((one) => JSON.parse(one)));
    expect(slices.length).toBeGreaterThan(4);
  });

  it("lets other work go on between its pieces", async () => {
    const body = jsonArray(Array.from({ length: 1000 }, () => JSON.stringify("x".repeat(1000))));
    let turns = 0;
    const count = (): void => {
      turns++;
      timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    let pieces = 0;
    for await (const _ of body as NodeJS.ReadableStream) pieces++;
    clearImmediate(timer);
    expect(pieces).toBeGreaterThan(5);
    expect(turns).toBeGreaterThanOrEqual(pieces - 2);
  });
});
