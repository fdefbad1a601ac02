import type { Milliseconds } from "../../domain/time.ts";
import type { Clock } from "../ports.ts";
import type { StrangerLimits } from "./limits.ts";
import { sourceOf } from "./source.ts";

/** One connection that was let in; a stranger until it has proven who it is. */
export interface Visitor {
  /** The peer has proven who it is. Safe to call more than once. */
  authenticated(this: void): void;
  /** The connection has ended. Safe to call more than once. */
  left(this: void): void;
}

type Limits = Pick<
  StrangerLimits,
  "connections" | "connectionsPerAddress" | "strangers" | "strangersPerAddress" | "patience"
>;

interface Guest {
  readonly source: Source;
  readonly since: Milliseconds;
  /** Ends its connection. */
  readonly drop: () => void;
}

interface Source {
  readonly name: string;
  connections: number;
  readonly strangers: Set<Guest>;
}

/**
 * Counts the connections of all ports, by address, and strangers apart from those who have proven themselves. Where
 * there is no room for another stranger, the one who has waited longest goes, if that was longer than `patience`: a crowd
 * of clients that come at once is served in its order, and somebody who only holds connections open keeps nobody out.
 */
export class Doors {
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #sources = new Map<string, Source>();
  /** In the order of their coming, as those of each source are. */
  readonly #strangers = new Set<Guest>();
  #connections = 0;

  constructor(clock: Clock, limits: Limits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get connections(): number {
    return this.#connections;
  }

  get strangers(): number {
    return this.#strangers.size;
  }

  /** Lets a connection in; undefined if there is no room. `drop` ends it when others need its place. */
  enter(address: string, drop: () => void): Visitor | undefined {
    const name = sourceOf(address);
    const source = this.#sources.get(name) ?? { name, connections: 0, strangers: new Set() };
    if (!this.#hasRoom(source)) return undefined;
    const guest: Guest = { source, since: this.#clock.now(), drop };
    this.#sources.set(name, source);
    this.#connections += 1;
    source.connections += 1;
    this.#strangers.add(guest);
    source.strangers.add(guest);
    let isIn = true;
    return {
      authenticated: () => this.#isKnown(guest),
      left: () => {
        if (isIn) this.#leave(guest);
        isIn = false;
      },
    };
  }

  #hasRoom(source: Source): boolean {
    const { connections, connectionsPerAddress, strangers, strangersPerAddress } = this.#limits;
    if (source.connections >= connectionsPerAddress || this.#connections >= connections)
      return false;
    if (source.strangers.size >= strangersPerAddress && !this.#askToLeave(source.strangers))
      return false;
    return this.#strangers.size < strangers || this.#askToLeave(this.#strangers);
  }

  /** The first of them, who has waited longest; false if that is not long. */
  #askToLeave(strangers: ReadonlySet<Guest>): boolean {
    for (const oldest of strangers) {
      if (this.#clock.now() - oldest.since < this.#limits.patience) return false;
      this.#isKnown(oldest);
      oldest.drop();
      return true;
    }
    return false;
  }

  #isKnown(guest: Guest): void {
    this.#strangers.delete(guest);
    guest.source.strangers.delete(guest);
  }

  #leave(guest: Guest): void {
    this.#isKnown(guest);
    const { source } = guest;
    this.#connections -= 1;
    source.connections -= 1;
    if (source.connections === 0) this.#sources.delete(source.name);
  }
}
