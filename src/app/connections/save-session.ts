import type { HubContext } from "../context.ts";
import type { Subscription } from "../ports.ts";
import { type IdentityPrincipal, denied } from "../principal.ts";

/** Stores a persistent session's subscriptions; they survive restarts and end with the identity (spec/mqtt §3.1). */
export async function saveSession(
  context: HubContext,
  principal: IdentityPrincipal,
  subscriptions: readonly Subscription[],
): Promise<void> {
  await context.store.transaction(principal.key, (tx) => {
    if (tx.identity(principal.key)?.generationId !== principal.generationId) {
      throw denied("The device or module does not exist any more");
    }
    tx.putSession(principal.key, { subscriptions });
  });
}
