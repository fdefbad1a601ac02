import { randomBytes, randomInt, randomUUID } from "node:crypto";
import type { Clock, Random } from "./app/ports.ts";

/** The longest delay that a Node timer takes; longer ones are waited for in steps. */
const longestTimer = 2 ** 31 - 1;

/** The machine's time. Timers never keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delay, work) {
    if (delay <= longestTimer) {
      const timer = setTimeout(work, Math.max(0, delay)).unref();
      return () => clearTimeout(timer);
    }
    const due = Date.now() + delay;
    let timer: NodeJS.Timeout;
    const wait = (): void => {
      const left = due - Date.now();
      if (left > longestTimer) timer = setTimeout(wait, longestTimer);
      else timer = setTimeout(work, Math.max(0, left));
      timer.unref();
    };
    wait();
    return () => clearTimeout(timer);
  },
};

/** The machine's cryptographic randomness. */
export const systemRandom: Random = {
  base64: (length) => randomBytes(length).toString("base64"),
  uuid: () => randomUUID(),
  integer: (below) => randomInt(below),
};
