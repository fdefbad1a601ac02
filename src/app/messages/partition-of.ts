/** The same partition for a device and all of its modules (spec/semantics §10). */
export function partitionOf(deviceId: string, partitions: number): number {
  // FNV-1a, 32 bits: stable over restarts and versions.
  let hash = 0x811c9dc5;
  for (let i = 0; i < deviceId.length; i++) {
    hash = Math.imul(hash ^ deviceId.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0) % partitions;
}
