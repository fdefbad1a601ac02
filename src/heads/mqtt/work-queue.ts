/**
 * What kinds of requests may be worked on at the same time. Telemetry passes everything; reads see all writes
 * before them and none behind them; whatever follows a SUBSCRIBE is done after it (spec/mqtt §7.5, §10.2).
 */
export type Lane = "telemetry" | "twinRead" | "twinWrite" | "session";

/** Writes a request's answers, if it has any; runs in the order in which requests arrived. */
export type Answer = () => void;

/** A request, or several that are answered together. */
export interface Work {
  readonly lane: Lane;
  /** Of its packets. */
  readonly bytes: number;
  /** For how many requests it stands. */
  readonly requests: number;
  /** Written by the queue only. */
  isAnswered: boolean;
  /** True if it is done; otherwise the queue is told by `answered` when it is. Handles its own failures. */
  begin(): boolean;
  /** Writes the answers, if there are any. */
  answer(): void;
}

export interface WorkQueueOptions {
  /** Requests, and bytes of their packets, in progress before the queue is full. */
  readonly maxRequests: number;
  readonly maxBytes: number;
  /** A request has been answered later than it was added: there is room, or nothing left to wait for. */
  readonly onAnswered: () => void;
  /** `work` failed although it handles its own failures: a bug. */
  readonly onBug: (error: unknown) => void;
}

/**
 * One connection's requests: started in order, as far as their lanes allow together, and answered in order, so
 * that PUBACKs follow the order of their PUBLISHes [MQTT-4.6.0-2]. Bounded by its owner, who adds nothing while
 * it is full. Hot: telemetry passes without a promise.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #works: Work[] = [];
  #started = 0;
  #requests = 0;
  #bytes = 0;
  /** Requests in progress by lane; telemetry is in nobody's way. */
  #twinReads = 0;
  #twinWrites = 0;
  #sessions = 0;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  get full(): boolean {
    return this.fullWith(0, 0);
  }

  /** Full once `requests` of `bytes` have been added. */
  fullWith(requests: number, bytes: number): boolean {
    const { maxRequests, maxBytes } = this.#options;
    return this.#requests + requests >= maxRequests || this.#bytes + bytes >= maxBytes;
  }

  get idle(): boolean {
    return this.#works.length === 0;
  }

  /** Adds one request that `run` answers. */
  add(lane: Lane, bytes: number, run: () => Answer | Promise<Answer>): void {
    this.enter(new Promised(this, lane, bytes, run));
  }

  /** Adds a work that knows when it is done. */
  enter(work: Work): void {
    this.#works.push(work);
    this.#requests += work.requests;
    this.#bytes += work.bytes;
    this.#start();
  }

  /** `work`, which was begun before, is done. */
  answered(work: Work): void {
    try {
      this.#done(work);
      this.#options.onAnswered();
    } catch (error) {
      this.#options.onBug(error);
    }
  }

  /** `work` failed although it handles its own failures. */
  failed(error: unknown): void {
    this.#options.onBug(error);
  }

  /** Forgets requests that have not been started. */
  dropWaiting(): void {
    for (const { bytes, requests } of this.#works.splice(this.#started)) {
      this.#bytes -= bytes;
      this.#requests -= requests;
    }
  }

  #start(): void {
    for (;;) {
      const work = this.#works[this.#started];
      if (work === undefined || this.#isBlocked(work.lane)) return;
      this.#started++;
      this.#count(work.lane, 1);
      try {
        if (work.begin()) this.#done(work);
      } catch (error) {
        this.#options.onBug(error);
      }
    }
  }

  #isBlocked(lane: Lane): boolean {
    switch (lane) {
      case "telemetry":
        return false;
      case "twinRead":
        return this.#twinWrites + this.#sessions > 0;
      case "twinWrite":
        return this.#twinReads + this.#sessions > 0;
      case "session":
        return this.#twinReads + this.#twinWrites + this.#sessions > 0;
    }
  }

  #count(lane: Lane, by: 1 | -1): void {
    switch (lane) {
      case "telemetry":
        return;
      case "twinRead":
        this.#twinReads += by;
        return;
      case "twinWrite":
        this.#twinWrites += by;
        return;
      case "session":
        this.#sessions += by;
        return;
    }
  }

  #done(work: Work): void {
    const works = this.#works;
    work.isAnswered = true;
    if (works[0] !== work) return;
    let answered = 0;
    for (; answered < works.length; answered++) {
      const next = works[answered];
      if (next === undefined || !next.isAnswered) break;
      this.#count(next.lane, -1);
      this.#requests -= next.requests;
      this.#bytes -= next.bytes;
      next.answer();
    }
    // Mostly there is one, and an array that is emptied by its length gives its memory back.
    if (works.length === 1) works.pop();
    else works.splice(0, answered);
    this.#started -= answered;
    this.#start();
  }
}

/** A request whose answer comes with a promise, or at once. */
class Promised implements Work {
  readonly lane: Lane;
  readonly bytes: number;
  readonly requests = 1;
  isAnswered = false;
  readonly #queue: WorkQueue;
  readonly #run: () => Answer | Promise<Answer>;
  #answer: Answer | undefined;

  constructor(queue: WorkQueue, lane: Lane, bytes: number, run: () => Answer | Promise<Answer>) {
    this.lane = lane;
    this.bytes = bytes;
    this.#queue = queue;
    this.#run = run;
  }

  begin(): boolean {
    const outcome = this.#run();
    if (typeof outcome === "function") {
      this.#answer = outcome;
      return true;
    }
    outcome.then(
      (answer) => {
        this.#answer = answer;
        this.#queue.answered(this);
      },
      (error: unknown) => this.#queue.failed(error),
    );
    return false;
  }

  answer(): void {
    this.#answer?.();
  }
}
