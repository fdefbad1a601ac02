import type { Log } from "../../app/ports.ts";
import { HubError } from "../../domain/errors.ts";
import { explainFlush } from "./explain.ts";
import type { TwinJournal } from "./twin-journal.ts";

/** A disk that fails is met by every reader: the log hears of it once in so many milliseconds. */
const logEvery = 10_000;

export interface FlushSettings {
  readonly directory: string;
  readonly log: Log;
  /** Called after what was written. */
  readonly flushed: () => void;
  /** When nothing has been put into the journal for so long, in milliseconds, it is emptied. */
  readonly quiet: number;
}

/** Empties the journal: for those who read the table of twins, and when nothing happens. */
export class JournalFlusher {
  readonly #journal: TwinJournal;
  readonly #settings: FlushSettings;
  #timer: NodeJS.Timeout | undefined;
  /** What the timer has seen of the journal. */
  #seen = 0;
  #logged = -Infinity;

  constructor(journal: TwinJournal, settings: FlushSettings) {
    this.#journal = journal;
    this.#settings = settings;
  }

  /** To be called after each commit. */
  committed(): void {
    if (this.#timer !== undefined || this.#journal.isEmpty) return;
    this.#seen = this.#journal.sequence;
    this.#timer = setTimeout(() => this.#rest(), this.#settings.quiet).unref();
  }

  /**
   * Before the table of twins is read. Throws ServiceUnavailable if the disk does not take it; nothing is lost then, and
   * twins are found by their keys as before.
   */
  flush(): void {
    if (this.#journal.isEmpty) return;
    try {
      this.#journal.flush();
    } catch (error) {
      const message = explainFlush(this.#settings.directory, error);
      if (performance.now() - this.#logged >= logEvery) {
        this.#logged = performance.now();
        this.#settings.log.error({ err: error }, message);
      }
      throw new HubError("ServiceUnavailable", message);
    }
    this.#settings.flushed();
  }

  /** What a failing disk does not take stays in the journal, and the next start finds it there. */
  close(): void {
    clearTimeout(this.#timer);
    this.#try();
  }

  #rest(): void {
    this.#timer = undefined;
    if (this.#journal.sequence === this.#seen) this.#try();
    // Again, if there was more, or the disk has failed.
    this.committed();
  }

  #try(): void {
    try {
      this.flush();
    } catch {
      // The log has been told.
    }
  }
}
