/**
 * What kinds of requests may be worked on at the same time. Telemetry passes everything; reads see all writes
 * before them and none behind them; whatever follows a SUBSCRIBE is done after it (spec/mqtt §7.5, §10.2).
 */
export type Lane = "telemetry" | "twinRead" | "twinWrite" | "session";

/** Writes a request's answers, if it has any; runs in the order in which requests arrived. */
export type Answer = () => void;

interface Entry {
  readonly lane: Lane;
  readonly bytes: number;
  readonly requests: number;
  readonly work: () => Answer | Promise<Answer>;
  answer: Answer | undefined;
}

const conflicts: Record<Lane, readonly Lane[]> = {
  telemetry: [],
  twinRead: ["twinWrite", "session"],
  twinWrite: ["twinRead", "session"],
  session: ["twinRead", "twinWrite", "session"],
};

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
 * it is full.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #entries: Entry[] = [];
  readonly #running: Record<Lane, number> = { telemetry: 0, twinRead: 0, twinWrite: 0, session: 0 };
  #started = 0;
  #requests = 0;
  #bytes = 0;

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
    return this.#entries.length === 0;
  }

  /** `requests`: for how many `work` stands, which are then answered together. */
  add(lane: Lane, bytes: number, work: () => Answer | Promise<Answer>, requests = 1): void {
    this.#entries.push({ lane, bytes, requests, work, answer: undefined });
    this.#requests += requests;
    this.#bytes += bytes;
    this.#start();
  }

  /** Forgets requests that have not been started. */
  dropWaiting(): void {
    for (const { bytes, requests } of this.#entries.splice(this.#started)) {
      this.#bytes -= bytes;
      this.#requests -= requests;
    }
  }

  #start(): void {
    for (;;) {
      const entry = this.#entries[this.#started];
      if (entry === undefined) return;
      if (this.#isBlocked(entry.lane)) return;
      this.#started++;
      this.#running[entry.lane]++;
      this.#run(entry);
    }
  }

  #isBlocked(lane: Lane): boolean {
    for (const other of conflicts[lane]) if (this.#running[other] > 0) return true;
    return false;
  }

  #run(entry: Entry): void {
    try {
      const outcome = entry.work();
      if (typeof outcome === "function") {
        this.#done(entry, outcome);
      } else {
        outcome.then((answer) => this.#answered(entry, answer), this.#options.onBug);
      }
    } catch (error) {
      this.#options.onBug(error);
    }
  }

  #answered(entry: Entry, answer: Answer): void {
    try {
      this.#done(entry, answer);
      this.#options.onAnswered();
    } catch (error) {
      this.#options.onBug(error);
    }
  }

  #done(entry: Entry, answer: Answer): void {
    entry.answer = answer;
    if (this.#entries[0] !== entry) return;
    let answered = 0;
    for (const { lane, bytes, requests, answer: ready } of this.#entries) {
      if (ready === undefined) break;
      answered++;
      this.#running[lane]--;
      this.#requests -= requests;
      this.#bytes -= bytes;
      ready();
    }
    if (answered === this.#entries.length) this.#entries.length = 0;
    else this.#entries.splice(0, answered);
    this.#started -= answered;
    this.#start();
  }
}
