import type { Changes } from "../../app/hub.ts";
import type { Principal } from "../../app/principal.ts";
import type { LiveQuery } from "../../app/query/live-query.ts";
import type { Feed, FeedItem } from "./event-stream.ts";

/** Changes of twins and identities as a stream; the id of an event is its sequence number. */
export class ChangeFeed implements Feed {
  readonly #changes: Changes;
  readonly #principal: Principal;
  readonly #where: string | undefined;
  #last: number;

  constructor(changes: Changes, principal: Principal, after: number, where: string | undefined) {
    this.#changes = changes;
    this.#principal = principal;
    this.#where = where;
    this.#last = after;
  }

  get id(): string {
    return String(this.#last);
  }

  async next(limit: number): Promise<readonly FeedItem[] | null> {
    const page = await this.#changes.read(this.#principal, this.#last, limit, this.#where);
    if (page.last === this.#last) return null;
    this.#last = page.last;
    return page.changes.map(({ sequence, body }) => ({ id: String(sequence), data: body }));
  }
}

/** A live query as a stream. It can't be resumed: whoever comes again gets the whole answer again. */
export class LiveQueryFeed implements Feed {
  readonly #live: LiveQuery;

  constructor(live: LiveQuery) {
    this.#live = live;
  }

  get id(): string {
    return String(this.#live.sequence);
  }

  async next(limit: number): Promise<readonly FeedItem[] | null> {
    const changes = await this.#live.next(limit);
    if (changes === null) return null;
    return changes.map(({ kind, ...data }) => ({ id: this.id, event: kind, data }));
  }
}
