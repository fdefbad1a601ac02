import type { AuthMethod } from "../../domain/identity/credentials.ts";

/** A connection's messages share one credential. */
const known = new WeakMap<AuthMethod, string>();

/** How a sender was authenticated, as its messages say it (spec/semantics §10). */
export function authMethodText(auth: AuthMethod): string {
  const before = known.get(auth);
  if (before !== undefined) return before;
  const { scope, type } = auth;
  const text = JSON.stringify({ scope, type, issuer: "iothub", acceptingIpFilterRule: null });
  known.set(auth, text);
  return text;
}
