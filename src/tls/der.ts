/** Writes the part of DER (ITU-T X.690) that certificates need. Reading is left to `node:crypto`. */

const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

function lengthOctets(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Buffer.from([0x80 + octets.length, ...octets]);
}

function element(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.from([tag]), lengthOctets(body.length), body]);
}

export function sequence(...members: readonly Uint8Array[]): Buffer {
  return element(tags.sequence, ...members);
}

export function set(...members: readonly Uint8Array[]): Buffer {
  return element(tags.set, ...members);
}

export function octetString(content: Uint8Array): Buffer {
  return element(tags.octetString, content);
}

/** A bit string whose last `unusedBits` bits do not count. */
export function bitString(content: Uint8Array, unusedBits = 0): Buffer {
  return element(tags.bitString, Buffer.from([unusedBits]), content);
}

export function utf8String(text: string): Buffer {
  return element(tags.utf8String, Buffer.from(text, "utf8"));
}

export function boolean(value: boolean): Buffer {
  return element(tags.boolean, Buffer.from([value ? 0xff : 0x00]));
}

/** A non-negative integer, given as big-endian bytes; written in the fewest octets. */
export function unsigned(magnitude: Uint8Array): Buffer {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start += 1;
  const shortest = magnitude.subarray(start);
  const needsZero = (shortest[0] ?? 0) >= 0x80;
  return element(tags.integer, needsZero ? Buffer.from([0]) : Buffer.alloc(0), shortest);
}

/** `objectIdentifier("2.5.29.17")`. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const octets = [first * 40 + second, ...rest].flatMap(base128);
  return element(tags.objectIdentifier, Buffer.from(octets));
}

function base128(arc: number): number[] {
  const octets = [arc % 128];
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128))
    octets.unshift((rest % 128) + 128);
  return octets;
}

/** Milliseconds since 1970 in whole seconds; the form depends on the year (RFC 5280 §4.1.2.5). */
export function time(milliseconds: number): Buffer {
  const digits = `${new Date(milliseconds).toISOString().slice(0, 19).replaceAll(/\D/g, "")}Z`;
  return Number(digits.slice(0, 4)) < 2050
    ? element(tags.utcTime, Buffer.from(digits.slice(2), "latin1"))
    : element(tags.generalizedTime, Buffer.from(digits, "latin1"));
}

/** `[number] EXPLICIT`: wraps another element. */
export function explicit(number: number, content: Uint8Array): Buffer {
  return element(0xa0 + number, content);
}

/** `[number] IMPLICIT` of a primitive type: the bytes alone. */
export function implicit(number: number, content: Uint8Array): Buffer {
  return element(0x80 + number, content);
}
