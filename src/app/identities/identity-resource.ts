import { deviceView } from "../../domain/identity/device.ts";
import { identityEtag } from "../../domain/identity/etag.ts";
import type { Identity } from "../../domain/identity/identity.ts";
import { moduleView } from "../../domain/identity/module.ts";
import type { JsonObject } from "../../domain/json.ts";
import { currentPresence } from "../connections/current-presence.ts";
import type { HubContext } from "../context.ts";
import type { Resource } from "../hub.ts";
import { queuedMessages } from "../messages/device-queue.ts";
import type { HubTx } from "../ports.ts";

/** A device's or module's document as the service sees it. */
export function identityBody(context: HubContext, tx: HubTx, identity: Identity): JsonObject {
  const presence = currentPresence(context, tx, identity);
  return identity.moduleId === undefined
    ? deviceView(identity, presence, queuedMessages(tx, identity))
    : moduleView(identity, presence);
}

export function identityResource(context: HubContext, tx: HubTx, identity: Identity): Resource {
  return { etag: identityEtag(identity.etagNumber), body: identityBody(context, tx, identity) };
}
