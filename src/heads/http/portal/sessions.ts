import { createHash } from "node:crypto";
import type { Clock, Random } from "../../../app/ports.ts";
import type { SasToken } from "../../../domain/identity/credentials.ts";
import type { Milliseconds } from "../../../domain/time.ts";

/** What browsers' sessions may grow to. Times are milliseconds. */
export interface SessionLimits {
  /** Open sessions; beyond it the one that was used least recently ends. */
  readonly sessions: number;
  /** One-time codes that wait; beyond it the oldest is forgotten. */
  readonly codes: number;
  /** From sign-in to the end, whatever happens. */
  readonly lifetime: Milliseconds;
  /** From the last request to the end. */
  readonly idle: Milliseconds;
  /** How long a one-time code can be used. */
  readonly codeLifetime: Milliseconds;
}

export const defaultSessionLimits: SessionLimits = {
  sessions: 256,
  codes: 64,
  lifetime: 8 * 3_600_000,
  idle: 30 * 60_000,
  codeLifetime: 15 * 60_000,
};

interface Session {
  readonly token: SasToken;
  readonly ends: Milliseconds;
  used: Milliseconds;
}

interface Code {
  readonly token: SasToken;
  readonly ends: Milliseconds;
}

/** A secret that was given out, and when it ends. */
export interface Issued {
  readonly secret: string;
  readonly ends: Milliseconds;
}

/**
 * The browsers that have signed in. A session stands for the token that proved its policy: every request proves that
 * token anew, so that a session's rights follow the policy and end with its key. Kept in memory only; of the
 * secrets, only hashes are kept.
 */
export class Sessions {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #limits: SessionLimits;
  /** By the hash of the id, least recently used first. */
  readonly #sessions = new Map<string, Session>();
  readonly #codes = new Map<string, Code>();

  constructor(clock: Clock, random: Random, limits: SessionLimits = defaultSessionLimits) {
    this.#clock = clock;
    this.#random = random;
    this.#limits = limits;
  }

  /** Begins a session for whoever has proven to hold `token`. */
  open(token: SasToken): Issued {
    const now = this.#clock.now();
    const ends = Math.min(now + this.#limits.lifetime, token.expiry * 1000);
    const secret = this.#secret();
    this.#sessions.set(hash(secret), { token, ends, used: now });
    keepNewest(this.#sessions, this.#limits.sessions);
    return { secret, ends };
  }

  /** The session's token and end; counts as a use. */
  find(secret: string): { readonly token: SasToken; readonly ends: Milliseconds } | undefined {
    const id = hash(secret);
    const session = this.#sessions.get(id);
    if (session === undefined) return undefined;
    this.#sessions.delete(id);
    const now = this.#clock.now();
    if (now >= session.ends || now >= session.used + this.#limits.idle) return undefined;
    session.used = now;
    this.#sessions.set(id, session);
    return session;
  }

  close(secret: string): void {
    this.#sessions.delete(hash(secret));
  }

  /** Makes a code that can be exchanged once for a session with the rights of `token`. */
  issueCode(token: SasToken): Issued {
    const ends = this.#clock.now() + this.#limits.codeLifetime;
    const secret = this.#secret();
    this.#codes.set(hash(secret), { token, ends });
    keepNewest(this.#codes, this.#limits.codes);
    return { secret, ends };
  }

  /** Takes the code out: its token, once and in time. */
  redeem(secret: string): SasToken | undefined {
    const id = hash(secret);
    const code = this.#codes.get(id);
    this.#codes.delete(id);
    return code === undefined || this.#clock.now() >= code.ends ? undefined : code.token;
  }

  /** 32 random bytes as Base64url. */
  #secret(): string {
    return Buffer.from(this.#random.base64(32), "base64").toString("base64url");
  }
}

/** Looked up by its hash, a secret can't be guessed byte by byte from how long the comparison takes. */
function hash(secret: string): string {
  return createHash("sha256").update(secret).digest("base64");
}

function keepNewest(map: Map<string, unknown>, limit: number): void {
  for (const key of map.keys()) {
    if (map.size <= limit) return;
    map.delete(key);
  }
}

/** The path of a one-time link. The code stands in the fragment, which browsers send to nobody. */
export function linkPath(code: string): string {
  return `/portal/sign-in#code=${code}`;
}
