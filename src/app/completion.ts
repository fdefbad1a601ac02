/**
 * Who hears what became of something that was asked for, in the turn of its commit. Telemetry comes a hundred thousand
 * times a second: a promise for each request, with the functions and turns that belong to it, would cost more than the
 * rest. Exactly one of the two is called, once, later than the call that asked, and in the order of the requests. Neither
 * may throw.
 */
export interface Completion {
  /** It is durable. */
  done(): void;
  /** Nothing of it was kept; `error` as a promise would be rejected with. */
  refused(error: unknown): void;
}

/** The same as a promise, for whoever asks seldom. */
export function completed(ask: (completion: Completion) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    ask({ done: resolve, refused: reject });
  });
}

/** Refuses at once what can't be asked for, and yet later than the call. */
export function refuseLater(completion: Completion, error: unknown): void {
  queueMicrotask(() => completion.refused(error));
}

/** Tells what becomes of a promise. */
export function completeWith(result: Promise<unknown>, completion: Completion): void {
  result.then(
    () => completion.done(),
    (error: unknown) => completion.refused(error),
  );
}
