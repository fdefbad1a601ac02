import type { AmqpLimits } from "./limits.ts";

/** Deliveries of one connection that the hub works on. */
export class InFlight {
  readonly #limits: AmqpLimits;
  #deliveries = 0;
  #bytes = 0;

  constructor(limits: AmqpLimits) {
    this.#limits = limits;
  }

  get none(): boolean {
    return this.#deliveries === 0;
  }

  /** As much is being worked on as the limits allow: nothing more is to be read. */
  get full(): boolean {
    const { inFlight, inFlightBytes } = this.#limits;
    return this.#deliveries >= inFlight || this.#bytes >= inFlightBytes;
  }

  began(deliveries: number, bytes: number): void {
    this.#deliveries += deliveries;
    this.#bytes += bytes;
  }

  ended(deliveries: number, bytes: number): void {
    this.began(-deliveries, -bytes);
  }
}
