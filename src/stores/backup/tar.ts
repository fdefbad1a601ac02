import { BackupError } from "./backup-error.ts";

// The format of GNU tar, so that `tar tf` shows what is in a backup: a header of 512 bytes, the content filled up to a
// multiple of 512, two empty blocks at the end. A name of more than 100 bytes goes before it as an entry of type L.

const blockSize = 512;
const longestName = 1_000;
/** From here on a size is written as a binary number. */
const octalLimit = 8 ** 11;

const regularFile = "0";
const longName = "L";

/** The header of a file of this size in bytes; `time` in seconds since 1970. */
export function tarHeader(name: string, size: number, time: number): Buffer {
  const bytes = Buffer.from(name);
  if (bytes.length > longestName)
    throw new BackupError(`The name ${name} is too long for a backup`);
  if (bytes.length <= 100) return header(bytes, size, time, regularFile);
  const long = Buffer.concat([bytes, Buffer.alloc(1)]);
  return Buffer.concat([
    header(Buffer.from("././@LongLink"), long.length, 0, longName),
    long,
    tarPadding(long.length),
    header(bytes.subarray(0, 100), size, time, regularFile),
  ]);
}

/** What fills the last block of a content of `size` bytes. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((blockSize - (size % blockSize)) % blockSize);
}

export function tarEnd(): Buffer {
  return Buffer.alloc(2 * blockSize);
}

function header(name: Buffer, size: number, time: number, type: string): Buffer {
  const block = Buffer.alloc(blockSize);
  name.copy(block, 0);
  block.write("0000600\0", 100);
  block.write("0000000\0", 108);
  block.write("0000000\0", 116);
  writeSize(block, size);
  block.write(`${Math.floor(time).toString(8).padStart(11, "0")}\0`, 136);
  block.write(type, 156);
  block.write("ustar  \0", 257);
  block.write(`${checksum(block).toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

function writeSize(block: Buffer, size: number): void {
  if (size < octalLimit) block.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  else {
    block[124] = 0x80;
    block.writeBigUInt64BE(BigInt(size), 128);
  }
}

function readSize(block: Buffer): number {
  if ((block[124] ?? 0) >= 0x80) return Number(block.readBigUInt64BE(128));
  return Number.parseInt(block.toString("latin1", 124, 135), 8);
}

/** Of the header with spaces where the checksum stands. */
function checksum(block: Buffer): number {
  let sum = 8 * 0x20;
  for (const [at, byte] of block.entries()) if (at < 148 || at >= 156) sum += byte;
  return sum;
}

export interface TarEntry {
  readonly name: string;
  readonly size: number;
  /** To be read to its end before the next entry is asked for. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** The files of an archive, one after the other. Throws BackupError where it is damaged or ends too early. */
export async function* readTar(archive: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const bytes = new ByteReader(archive);
  let name: string | undefined;
  for (;;) {
    const block = await bytes.take(blockSize);
    if (block.every((byte) => byte === 0)) return;
    const { size, type, shortName } = readHeader(block);
    if (type === longName) {
      if (size > longestName + 1) throw damaged();
      const long = await bytes.take(size);
      await bytes.take(tarPadding(size).length);
      name = long.toString("utf8").replace(/\0$/, "");
      continue;
    }
    yield { name: name ?? shortName, size, content: bytes.content(size) };
    await bytes.take(tarPadding(size).length);
    name = undefined;
  }
}

function readHeader(block: Buffer): { size: number; type: string; shortName: string } {
  const given = Number.parseInt(block.toString("latin1", 148, 154), 8);
  const size = readSize(block);
  const type = block.toString("latin1", 156, 157);
  const valid = type === regularFile || type === longName;
  if (given !== checksum(block) || !Number.isSafeInteger(size) || !valid) throw damaged();
  return { size, type, shortName: block.toString("utf8", 0, 100).replace(/\0.*$/s, "") };
}

function damaged(): BackupError {
  return new BackupError(
    "The backup is damaged, it is no whole archive: nothing was restored, use another backup",
  );
}

class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** Exactly so many bytes; for headers, which are small. */
  async take(size: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const chunk of this.content(size)) parts.push(chunk);
    return Buffer.concat(parts);
  }

  async *content(size: number): AsyncGenerator<Buffer> {
    for (let left = size; left > 0;) {
      if (this.#rest.length === 0) this.#rest = await this.#next();
      const piece = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }

  async #next(): Promise<Buffer> {
    const { done, value } = await this.#chunks.next();
    if (done === true) throw damaged();
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
}
