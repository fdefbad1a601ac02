import type { Random } from "./random.ts";

/** Bytes that parsers have a special view of. */
const special = [
  0x00, 0x01, 0x0a, 0x0d, 0x20, 0x22, 0x25, 0x2f, 0x3a, 0x3b, 0x5c, 0x7f, 0x80, 0xff,
];

/** One to four changes of `genuine`; `words` are texts that the format knows. */
export function mutate(genuine: Buffer, random: Random, words: readonly string[]): Buffer {
  let bytes = Buffer.from(genuine);
  for (let change = random.below(4); change >= 0; change--) bytes = changed(bytes, random, words);
  return bytes;
}

function changed(bytes: Buffer, random: Random, words: readonly string[]): Buffer<ArrayBuffer> {
  const at = random.below(bytes.length + 1);
  const to = Math.min(bytes.length, at + 1 + random.below(random.pick([2, 8, 64])));
  const before = bytes.subarray(0, at);
  const after = bytes.subarray(to);
  switch (random.below(9)) {
    case 0:
      return Buffer.concat([before, random.bytes(to - at), after]);
    case 1:
      return Buffer.concat([before, Buffer.from([random.pick(special)]), after]);
    case 2:
      return Buffer.concat([before, after]);
    case 3:
      return Buffer.concat([before, bytes.subarray(at, to), bytes.subarray(at, to), after]);
    case 4:
      return Buffer.concat([before, Buffer.from(random.pick(words)), bytes.subarray(at)]);
    case 5:
      return Buffer.concat([before, Buffer.from(random.pick(words)), after]);
    case 6:
      return Buffer.concat([before]);
    case 7: {
      const copy = Buffer.from(bytes);
      const place = random.below(copy.length);
      if (copy.length > 0) copy[place] = (copy[place] ?? 0) ^ (1 << random.below(8));
      return copy;
    }
    default: {
      const from = random.below(bytes.length + 1);
      return Buffer.concat([before, bytes.subarray(from, from + 200), after]);
    }
  }
}
