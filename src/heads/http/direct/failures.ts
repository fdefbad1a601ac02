import type { IncomingMessage } from "node:http";
import type { Principal } from "../../../app/principal.ts";

/** Why a request was not answered directly. */
export interface DirectFailure {
  /** The request's id, which the log may have already. */
  readonly id: string;
  /** The caller, if it was proven. */
  readonly principal: Principal | null;
  readonly thrown: unknown;
}

/**
 * What the framework has to know of requests that come to it with their failure: errors have one way to their callers.
 */
export class DirectFailures {
  readonly #failures = new WeakMap<IncomingMessage, DirectFailure>();

  add(request: IncomingMessage, failure: DirectFailure): void {
    this.#failures.set(request, failure);
  }

  of(request: IncomingMessage): DirectFailure | undefined {
    return this.#failures.get(request);
  }
}
