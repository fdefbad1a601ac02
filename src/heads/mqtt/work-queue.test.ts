import { describe, expect, it } from "vitest";
import { type Lane, type Work, WorkQueue } from "./work-queue.ts";

/** A work that the test says the end of. */
function together(name: string, bytes: number, requests: number, answered: string[]): Work {
  return {
    lane: "telemetry",
    bytes,
    requests,
    isAnswered: false,
    begin: () => false,
    answer: () => void answered.push(name),
  };
}

interface Job {
  readonly finish: () => Promise<void>;
}

function setup(maxRequests = 16, maxBytes = 1_000) {
  const started: string[] = [];
  const answered: string[] = [];
  const bugs: unknown[] = [];
  let woken = 0;
  const queue = new WorkQueue({
    maxRequests,
    maxBytes,
    onAnswered: () => woken++,
    onBug: (error) => bugs.push(error),
  });
  const add = (name: string, lane: Lane, bytes = 1): Job => {
    let resolve = (): void => {};
    const done = new Promise<void>((r) => {
      resolve = r;
    });
    queue.add(lane, bytes, async () => {
      started.push(name);
      await done;
      return () => answered.push(name);
    });
    return {
      async finish() {
        resolve();
        // As many turns of microtasks as the queue's own chain of promises takes.
        for (let i = 0; i < 10; i++) await Promise.resolve();
      },
    };
  };
  return { queue, started, answered, bugs, add, woken: () => woken };
}

describe("the work queue", () => {
  it("counts a work that stands for several requests as so many, until it is answered", async () => {
    const { queue, answered, bugs, woken } = setup(16, 1_000);
    const ten = together("ten", 300, 10, answered);
    const six = together("six", 1, 6, answered);
    queue.enter(ten);
    expect([queue.full, queue.fullWith(5, 0), queue.fullWith(6, 0)]).toEqual([false, false, true]);
    expect([queue.fullWith(0, 699), queue.fullWith(0, 700)]).toEqual([false, true]);
    queue.enter(six);
    expect(queue.full).toBe(true);
    queue.answered(six);
    expect([queue.full, answered]).toEqual([true, []]);
    queue.answered(ten);
    expect([queue.idle, queue.fullWith(15, 999), answered]).toEqual([true, false, ["ten", "six"]]);
    expect([bugs, woken()]).toEqual([[], 2]);
  });

  it("answers what is done at once before it goes on, and keeps its order with promises", async () => {
    const { queue, answered, add, woken } = setup();
    const before = add("before", "twinWrite");
    queue.enter({ ...together("atOnce", 1, 1, answered), begin: () => true });
    expect([answered, queue.idle]).toEqual([[], false]);
    await before.finish();
    expect([answered, queue.idle, woken()]).toEqual([["before", "atOnce"], true, 1]);
    queue.enter({ ...together("alone", 1, 1, answered), begin: () => true });
    expect([answered, queue.idle, woken()]).toEqual([["before", "atOnce", "alone"], true, 1]);
  });

  it("works on telemetry at the same time and answers in the order of arrival", async () => {
    const { started, answered, add } = setup();
    const [a, b, c] = [add("a", "telemetry"), add("b", "telemetry"), add("c", "telemetry")];
    expect(started).toEqual(["a", "b", "c"]);
    await c.finish();
    await b.finish();
    expect(answered).toEqual([]);
    await a.finish();
    expect(answered).toEqual(["a", "b", "c"]);
  });

  it("lets a read wait for writes before it, and writes behind it wait for the read", async () => {
    const { started, add } = setup();
    const [w1, w2] = [add("w1", "twinWrite"), add("w2", "twinWrite")];
    const r = add("r", "twinRead");
    const w3 = add("w3", "twinWrite");
    expect(started).toEqual(["w1", "w2"]);
    await w1.finish();
    expect(started).toEqual(["w1", "w2"]);
    await w2.finish();
    expect(started).toEqual(["w1", "w2", "r"]);
    await r.finish();
    expect(started).toEqual(["w1", "w2", "r", "w3"]);
    await w3.finish();
  });

  it("does what follows a SUBSCRIBE after its answer", async () => {
    const { started, answered, add } = setup();
    const subscribe = add("subscribe", "session");
    add("read", "twinRead");
    expect(started).toEqual(["subscribe"]);
    await subscribe.finish();
    expect([answered, started]).toEqual([["subscribe"], ["subscribe", "read"]]);
  });

  it("is full by number and by bytes, and has room again after an answer", async () => {
    const byNumber = setup(2);
    const first = byNumber.add("a", "telemetry");
    expect(byNumber.queue.full).toBe(false);
    byNumber.add("b", "telemetry");
    expect(byNumber.queue.full).toBe(true);
    await first.finish();
    expect([byNumber.queue.full, byNumber.woken()]).toEqual([false, 1]);

    const byBytes = setup(16, 10);
    const large = byBytes.add("a", "telemetry", 10);
    expect(byBytes.queue.full).toBe(true);
    await large.finish();
    expect([byBytes.queue.full, byBytes.queue.idle]).toEqual([false, true]);
  });

  it("forgets what has not been started", async () => {
    const { queue, started, add } = setup();
    const write = add("w", "twinWrite");
    add("r", "twinRead");
    queue.dropWaiting();
    await write.finish();
    expect([started, queue.idle]).toEqual([["w"], true]);
  });

  it("reports work that throws", async () => {
    const { queue, bugs } = setup();
    queue.add("telemetry", 1, () => Promise.reject(new Error("async")));
    queue.add("telemetry", 1, () => {
      throw new Error("sync");
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(bugs.map(String).toSorted()).toEqual(["Error: async", "Error: sync"]);
  });
});
