/** Writes a uint in its shortest form, as the library does, and says where the next value goes. */
export function writeUint(bytes: Buffer, value: number, at: number): number {
  if (value === 0) {
    bytes[at] = 0x43;
    return at + 1;
  }
  if (value <= 255) {
    bytes[at] = 0x52;
    bytes[at + 1] = value;
    return at + 2;
  }
  bytes[at] = 0x70;
  return bytes.writeUInt32BE(value, at + 1);
}

/** The most bytes of a uint. */
export const uintBytes = 5;
