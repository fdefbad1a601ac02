import type { Presence } from "../../domain/identity/identity.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import type { HubContext } from "../context.ts";
import type { HubTx } from "../ports.ts";

/** The stored presence with the activity of the live connection, which the store learns of when it ends. */
export function currentPresence(
  context: HubContext,
  tx: HubTx,
  key: IdentityKey,
): Presence | undefined {
  const stored = tx.presence(key);
  const live = context.live.get(key);
  if (
    stored === undefined ||
    live === undefined ||
    live.lastActivityTime <= stored.lastActivityTime
  )
    return stored;
  return { ...stored, lastActivityTime: live.lastActivityTime };
}
