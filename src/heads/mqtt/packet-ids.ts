const largest = 65_535;

/** Packet ids of what the hub sends with QoS 1: 1 to 65535 and again, without those in use [MQTT-2.3.1-4]. */
export class PacketIds {
  readonly #isUsed: (id: number) => boolean;
  #last = 0;

  /** `isUsed` is true for few ids only. */
  constructor(isUsed: (id: number) => boolean) {
    this.#isUsed = isUsed;
  }

  next(): number {
    do this.#last = this.#last === largest ? 1 : this.#last + 1;
    while (this.#isUsed(this.#last));
    return this.#last;
  }
}
