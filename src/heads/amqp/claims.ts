import { type IdentityPrincipal, type Principal, demand } from "../../app/principal.ts";
import { HubError } from "../../domain/errors.ts";
import type { Credential, SasToken } from "../../domain/identity/credentials.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import type { Right } from "../../domain/identity/policy.ts";
import { audienceCovers, readAudience } from "../../domain/identity/sas.ts";
import type { Milliseconds } from "../../domain/time.ts";
import type { Peer } from "../head.ts";
import type { Services } from "./services.ts";

/** A token that was proven, and is proven again whenever a link asks for it. */
interface Claim {
  readonly id: string;
  readonly token: SasToken;
  /** The decoded path of its audience, `["devices", "d1"]`; empty for the whole hub. */
  readonly audience: readonly string[];
  /** When it stops to count, grace included. */
  readonly expires: Milliseconds;
}

/** What a link depends on: the id of a claim, or `null` for the client's certificate. */
export interface Proven<P extends Principal> {
  readonly principal: P;
  readonly claim: string | null;
}

/**
 * What the peer of one connection has shown: by put-token or SASL any number of tokens (up to `limits.claims`), by TLS
 * a certificate (spec/amqp §4.4). A token for the same audience and policy takes the place of the one before (§5.3).
 */
export class Claims {
  readonly #services: Services;
  readonly #peer: Peer;
  readonly #claims = new Map<string, Claim>();
  readonly #onChange: (id: string) => void;
  #proven = false;

  /** `onChange` hears the id of a claim that has come or was renewed. */
  constructor(services: Services, peer: Peer, onChange: (id: string) => void) {
    this.#services = services;
    this.#peer = peer;
    this.#onChange = onChange;
  }

  get size(): number {
    return this.#claims.size;
  }

  /** The first parts of the paths that its tokens name, each once. */
  get roots(): readonly string[] {
    const roots = [...this.#claims.values()].flatMap(({ audience }) => audience.slice(0, 1));
    return [...new Set(roots)];
  }

  /** Whether the peer has ever proven who it is. */
  get proven(): boolean {
    return this.#proven;
  }

  #isProven(): void {
    this.#proven = true;
    this.#peer.authenticated?.();
  }

  /** The end of the claim that ends first, or infinity. */
  get firstExpiry(): Milliseconds {
    let first = Number.POSITIVE_INFINITY;
    for (const { expires } of this.#claims.values()) first = Math.min(first, expires);
    return first;
  }

  /** Proves a token and keeps it. Refuses with IotHubUnauthorizedAccess, IotHubMaxCbsTokenExceeded. */
  async add(token: SasToken): Promise<void> {
    const { hub, limits } = this.#services;
    const audience = readAudience(token.rawResource, () => true) ?? [];
    await hub.auth.request(token, `/${audience.join("/")}`);
    const id = `${token.policy ?? ""} ${audience.join("/").toLowerCase()}`;
    if (!this.#claims.has(id) && this.#claims.size >= limits.claims)
      throw new HubError(
        "IotHubMaxCbsTokenExceeded",
        `The connection holds ${limits.claims} tokens already, the limit`,
      );
    const expires = token.expiry * 1000 + limits.expiryGrace;
    this.#claims.set(id, { id, token, audience, expires });
    this.#isProven();
    this.#onChange(id);
  }

  /**
   * Proves a device or module by a token that covers it, or by the certificate. Refuses with IotHubUnauthorizedAccess, and
   * with DeviceDisabled if the credential is right.
   */
  async identity(key: IdentityKey): Promise<Proven<IdentityPrincipal>> {
    const path = ["devices", key.deviceId];
    if (key.moduleId !== undefined) path.push("modules", key.moduleId);
    const attempts: { claim: string | null; credential: Credential }[] = [];
    for (const { id, token } of this.#covering(path))
      attempts.push({ claim: id, credential: { kind: "sas", token } });
    const { certificate } = this.#peer;
    if (certificate !== undefined)
      attempts.push({ claim: null, credential: { kind: "certificate", certificate } });
    if (attempts.length === 0) attempts.push({ claim: null, credential: { kind: "nothing" } });
    return this.#first(attempts, async ({ claim, credential }) => {
      const principal = await this.#services.hub.auth.identity({ key, credential });
      this.#isProven();
      return { principal, claim };
    });
  }

  /** Proves a caller by a policy's token that covers `path` and has `right`. Refuses with IotHubUnauthorizedAccess. */
  async caller(path: string, right: Right): Promise<Proven<Principal>> {
    const segments = path.split("/").filter(Boolean);
    return this.#first(this.#covering(segments), async ({ id, token }) => {
      const principal = await this.#services.hub.auth.request(token, path);
      demand(principal, right);
      return { principal, claim: id };
    });
  }

  /** Forgets what has expired by now; gives back the ids. */
  expire(now: Milliseconds): string[] {
    const expired = [...this.#claims.values()].filter(({ expires }) => expires <= now);
    for (const { id } of expired) this.#claims.delete(id);
    return expired.map(({ id }) => id);
  }

  /** The claims whose audience covers the path, the closest first. */
  #covering(path: readonly string[]): Claim[] {
    return [...this.#claims.values()]
      .filter(({ audience }) => audienceCovers(audience, path))
      .toSorted((a, b) => b.audience.length - a.audience.length);
  }

  async #first<A, R>(attempts: readonly A[], prove: (attempt: A) => Promise<R>): Promise<R> {
    let refusal = new HubError(
      "IotHubUnauthorizedAccess",
      "No token or certificate of this connection allows the link",
    );
    for (const attempt of attempts) {
      try {
        return await prove(attempt);
      } catch (error) {
        if (!(error instanceof HubError)) throw error;
        refusal = error;
      }
    }
    throw refusal;
  }
}
