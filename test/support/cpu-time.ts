/**
 * The least processor time that `work` took in a few runs, in milliseconds. Unlike a clock it stands still while other
 * processes have the processor, and the least leaves out what a collection of garbage took.
 */
export function leastCpuTime(work: () => void, runs = 5): number {
  let least = Infinity;
  for (let run = 0; run < runs; run++) {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1_000);
  }
  return least;
}
