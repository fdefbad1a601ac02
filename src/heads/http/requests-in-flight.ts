import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../../app/ports.ts";
import type { Milliseconds } from "../../domain/time.ts";

type Limits = { readonly requestsInFlight: number; readonly requestsPerConnection: number };

/**
 * Counts the requests that are being worked on, in all and of each connection, up to limits, and tells when the last
 * answer has left. A request whose answer waits for its reader is no longer work: whoever does not read keeps nobody out.
 */
export class RequestsInFlight {
  readonly #limits: Limits;
  readonly #clock: Clock;
  /** What of each connection has not left yet: how to forget it. */
  readonly #open = new Map<Socket, Set<() => void>>();
  #working = 0;
  #unanswered = 0;
  #idle: () => void = () => undefined;

  constructor(limits: Limits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Counts a request until its response has ended; false if there are too many already. */
  enter(response: ServerResponse): boolean {
    const { socket } = response.req;
    const { requestsInFlight, requestsPerConnection } = this.#limits;
    const own = this.#open.get(socket) ?? this.#watch(socket);
    if (this.#working >= requestsInFlight || own.size >= requestsPerConnection) return false;
    this.#working += 1;
    this.#unanswered += 1;
    const worked = once(() => (this.#working -= 1));
    const left = once(() => {
      worked();
      own.delete(left);
      this.#unanswered -= 1;
      if (this.#unanswered === 0) this.#idle();
    });
    own.add(left);
    response.once("prefinish", worked);
    response.once("close", left);
    return true;
  }

  /** Answers that wait behind another one of their connection are told nothing of its end. */
  #watch(socket: Socket): Set<() => void> {
    const own = new Set<() => void>();
    this.#open.set(socket, own);
    socket.once("close", () => {
      this.#open.delete(socket);
      for (const left of own) left();
    });
    return own;
  }

  /** Resolves when no answer is left, or after `timeout` milliseconds. */
  async drained(timeout: Milliseconds): Promise<void> {
    if (this.#unanswered === 0) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(timeout, resolve);
      this.#idle = () => {
        cancel();
        resolve();
      };
    });
  }
}

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) work();
    isDone = true;
  };
}
