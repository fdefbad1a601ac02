import { twinEtag } from "../../domain/identity/etag.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import type { Twin } from "../../domain/twin/twin.ts";
import { serviceView } from "../../domain/twin/view.ts";
import { currentPresence } from "../connections/current-presence.ts";
import type { HubContext } from "../context.ts";
import type { Resource } from "../hub.ts";
import { queuedMessages } from "../messages/device-queue.ts";
import type { HubTx } from "../ports.ts";
import type { FoundIdentity } from "./find-twin.ts";

/** The service's view of a twin, with its etag. */
export function twinResource(
  context: HubContext,
  tx: HubTx,
  key: IdentityKey,
  found: FoundIdentity,
  twin: Twin,
): Resource {
  const presence = currentPresence(context, tx, key);
  return {
    etag: twinEtag(twin.etagCounter),
    body: serviceView({
      identity: found.identity,
      device: found.device,
      twin,
      presence,
      queued: queuedMessages(tx, key),
    }),
  };
}
