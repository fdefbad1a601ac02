import { closeSync, fstatSync, openSync, readSync } from "node:fs";

// The format of the write-ahead log: https://www.sqlite.org/fileformat2.html#walformat

const headerBytes = 32;
const frameHeaderBytes = 24;
/** The magic number; its last bit tells in which byte order checksums are reckoned. */
const magic = 0x377f0682;
/** Frames that are read at a time. */
const framesAtOnce = 256;

/** What a write-ahead log holds. */
export interface WalTail {
  /** Whole frames up to the last commit: what SQLite reads. */
  readonly committed: number;
  /** Frames behind them, whole or not: a commit that did not end, or damage. SQLite leaves them out and says nothing. */
  readonly leftOut: number;
}

/**
 * Reads the log of a database that is not open in this process. Frames of an older log, which may follow, have other salts
 * and are none of it. Null if there is no log, or an empty one.
 */
export function readWalTail(file: string): WalTail | null {
  let descriptor: number;
  try {
    descriptor = openSync(`${file}-wal`, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
  try {
    return scan(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function scan(descriptor: number): WalTail | null {
  const { size } = fstatSync(descriptor);
  if (size <= headerBytes) return null;
  const header = Buffer.alloc(headerBytes);
  readSync(descriptor, header, 0, headerBytes, 0);
  const pageBytes = header.readUInt32BE(8);
  const sum = new Checksum((header.readUInt32BE(0) & 1) === 1);
  sum.add(header.subarray(0, 24));
  const isSound = (header.readUInt32BE(0) & ~1) === magic && sum.equals(header, 24);
  // Nothing can be told of it, not even how large a frame is.
  if (!isSound || pageBytes < 512 || pageBytes > 65_536) return { committed: 0, leftOut: 1 };

  const salts = header.subarray(16, 24);
  let committed = 0;
  let whole = 0;
  let found = 0;
  let isIntact = true;
  for (const frame of framesOf(descriptor, size, frameHeaderBytes + pageBytes)) {
    if (frame.length < frameHeaderBytes || !frame.subarray(8, 16).equals(salts)) break;
    found++;
    isIntact &&= frame.length === frameHeaderBytes + pageBytes;
    if (!isIntact) continue;
    sum.add(frame.subarray(0, 8));
    sum.add(frame.subarray(frameHeaderBytes));
    isIntact = sum.equals(frame, 16);
    if (!isIntact) continue;
    whole++;
    if (frame.readUInt32BE(4) !== 0) committed = whole;
  }
  return { committed, leftOut: found - committed };
}

/** The frames, the last one perhaps cut off. Each is valid until the next one is asked for. */
function* framesOf(descriptor: number, size: number, frameBytes: number): Generator<Buffer> {
  const buffer = Buffer.alloc(framesAtOnce * frameBytes);
  for (let position = headerBytes; position < size;) {
    const read = readSync(descriptor, buffer, 0, buffer.length, position);
    if (read === 0) return;
    for (let at = 0; at < read; at += frameBytes)
      yield buffer.subarray(at, Math.min(at + frameBytes, read));
    position += read;
  }
}

/** The two running sums over 32-bit words. */
class Checksum {
  readonly #isBigEndian: boolean;
  #first = 0;
  #second = 0;

  constructor(isBigEndian: boolean) {
    this.#isBigEndian = isBigEndian;
  }

  /** A multiple of eight bytes. */
  add(bytes: Buffer): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const isLittleEndian = !this.#isBigEndian;
    let first = this.#first;
    let second = this.#second;
    for (let at = 0; at < bytes.length; at += 8) {
      first = (first + view.getUint32(at, isLittleEndian) + second) | 0;
      second = (second + view.getUint32(at + 4, isLittleEndian) + first) | 0;
    }
    this.#first = first;
    this.#second = second;
  }

  /** Whether both stand at this place; they are written in big-endian order. */
  equals(bytes: Buffer, offset: number): boolean {
    return (
      bytes.readInt32BE(offset) === this.#first && bytes.readInt32BE(offset + 4) === this.#second
    );
  }
}
