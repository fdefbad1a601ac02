// Latencies in microseconds, in buckets that are at most 1.6 % wide; mergeable and of fixed size.
const SUB = 64;
const BUCKETS = SUB * 27;

/** @param {number} micros */
function bucketOf(micros) {
  const value = Math.max(0, Math.min(2 ** 31 - 1, Math.round(micros)));
  if (value < SUB) return value;
  const shift = 31 - Math.clz32(value) - 6;
  return SUB * (shift + 1) + ((value >>> shift) - SUB);
}

/** @param {number} bucket */
function valueOf(bucket) {
  if (bucket < SUB) return bucket;
  const shift = Math.floor(bucket / SUB) - 1;
  return (SUB + (bucket % SUB) + 0.5) * 2 ** shift;
}

export class Histogram {
  counts = new Uint32Array(BUCKETS);

  /** @param {number} micros */
  record(micros) {
    const bucket = bucketOf(micros);
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
  }

  /** @param {Uint32Array} counts */
  add(counts) {
    counts.forEach((count, bucket) => {
      this.counts[bucket] = (this.counts[bucket] ?? 0) + count;
    });
  }

  clear() {
    this.counts.fill(0);
  }

  /**
   * @param {number} share for example 0.99
   * @returns {number} microseconds; 0 if nothing was recorded
   */
  percentile(share) {
    const total = this.counts.reduce((sum, count) => sum + count, 0);
    let left = Math.ceil(total * share);
    if (total === 0) return 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      left -= this.counts[bucket] ?? 0;
      if (left <= 0) return valueOf(bucket);
    }
    return valueOf(BUCKETS - 1);
  }
}
