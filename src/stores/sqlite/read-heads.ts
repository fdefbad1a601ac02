import type { BlockHeads, Properties, Sender } from "./log-block.ts";

/** What the heads of a block say, by columns: an object for each message would outlive the reading of it. */
export interface HeadColumns {
  readonly senders: readonly Sender[];
  /** Of each message: the place of its sender, the length of its body, when it was enqueued. */
  readonly places: readonly number[];
  readonly lengths: readonly number[];
  readonly times: readonly number[];
  /** Messages that follow each other and say the same share them. */
  readonly properties: readonly Properties[];
}

const comma = 0x2c;
const quote = 0x22;
const backslash = 0x5c;
const listStart = 0x5b;
const listEnd = 0x5d;
const objectStart = 0x7b;
const objectEnd = 0x7d;
const zero = 0x30;
/** Digits of numbers that are certainly exact. */
const maxDigits = 15;

/**
 * Reads the heads of a block as `blocksOf` writes them. Hot: most messages repeat the properties of the one before, which
 * are compared as text and parsed once. Whatever looks otherwise is left to JSON.parse, which also judges what is damaged.
 */
export function readHeads(text: string): HeadColumns {
  return new HeadScanner(text).scan() ?? columnsOf(JSON.parse(text) as BlockHeads);
}

function columnsOf([senders, heads]: BlockHeads): HeadColumns {
  return {
    senders,
    places: heads.map(([place]) => place),
    lengths: heads.map(([, length]) => length),
    times: heads.map(([, , time]) => time),
    properties: heads.map(([, , , ...properties]) => properties),
  };
}

class HeadScanner {
  readonly #text: string;
  #at = 0;
  readonly #places: number[] = [];
  readonly #lengths: number[] = [];
  readonly #times: number[] = [];
  /** Of each message, a number among `#texts`. */
  readonly #known: number[] = [];
  readonly #texts: string[] = [""];
  /** The properties of the message before, up to the end of its head. */
  #last = "";

  constructor(text: string) {
    this.#text = text;
  }

  /** Undefined if the text is not spelled as the writer does. */
  scan(): HeadColumns | undefined {
    const text = this.#text;
    if (!text.startsWith("[[")) return undefined;
    const sendersEnd = endOf(text, 1);
    if (sendersEnd < 0 || !text.startsWith(",[", sendersEnd)) return undefined;
    this.#at = sendersEnd + 2;
    do {
      if (!this.#head()) return undefined;
    } while (this.#takes(comma));
    if (!this.#takes(listEnd) || !this.#takes(listEnd) || this.#at !== text.length)
      return undefined;
    const parsed = JSON.parse(`[[${this.#texts.join("],[")}]]`) as readonly Properties[];
    return {
      senders: JSON.parse(text.slice(1, sendersEnd)) as readonly Sender[],
      places: this.#places,
      lengths: this.#lengths,
      times: this.#times,
      properties: this.#known.map((number) => parsed[number] ?? []),
    };
  }

  #head(): boolean {
    if (!this.#takes(listStart)) return false;
    const place = this.#number();
    if (!this.#takes(comma)) return false;
    const length = this.#number();
    if (!this.#takes(comma)) return false;
    const time = this.#number();
    if (place < 0 || length < 0 || time < 0) return false;
    const properties = this.#properties();
    if (properties < 0) return false;
    this.#places.push(place);
    this.#lengths.push(length);
    this.#times.push(time);
    this.#known.push(properties);
    return true;
  }

  /** Up to the end of the head: the number of what it says among `#texts`, -1 if it is something else. */
  #properties(): number {
    const text = this.#text;
    if (this.#takes(listEnd)) return 0;
    if (this.#last !== "" && text.startsWith(this.#last, this.#at)) {
      this.#at += this.#last.length;
      return this.#texts.length - 1;
    }
    const start = this.#at + 1;
    if (!this.#takes(comma) || text.charCodeAt(start) !== objectStart) return -1;
    let end = endOf(text, start);
    if (end >= 0 && text.charCodeAt(end) === comma) end = endOf(text, end + 1);
    if (end < 0 || text.charCodeAt(end) !== listEnd) return -1;
    this.#last = text.slice(start - 1, end + 1);
    this.#at = end + 1;
    return this.#texts.push(text.slice(start, end)) - 1;
  }

  #takes(character: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== character) return false;
    this.#at++;
    return true;
  }

  /** A whole number without a sign; -1 for anything else. */
  #number(): number {
    const text = this.#text;
    const start = this.#at;
    let value = 0;
    let at = start;
    for (; ; at++) {
      const digit = text.charCodeAt(at) - zero;
      if (!(digit >= 0 && digit <= 9)) break;
      value = value * 10 + digit;
    }
    const digits = at - start;
    this.#at = at;
    if (digits === 0 || digits > maxDigits) return -1;
    return digits > 1 && text.charCodeAt(start) === zero ? -1 : value;
  }
}

/** Where the list or object that begins at `start` has ended; -1 if it does not end. */
function endOf(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case quote:
        at = closingQuote(text, at);
        if (at < 0) return -1;
        break;
      case listStart:
      case objectStart:
        depth++;
        break;
      case listEnd:
      case objectEnd:
        if (--depth <= 0) return at + 1;
        break;
      default:
        break;
    }
  }
  return -1;
}

function closingQuote(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === quote) return at;
    if (character === backslash) at++;
  }
  return -1;
}
