import { twinEtag } from "../../domain/identity/etag.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { Twin } from "../../domain/twin/twin.ts";
import { serviceTwinText } from "../../domain/twin/view.ts";
import { currentPresence } from "../connections/current-presence.ts";
import type { HubContext } from "../context.ts";
import type { Resource } from "../hub.ts";
import { queuedMessages } from "../messages/device-queue.ts";
import type { HubTx } from "../ports.ts";
import type { FoundIdentity } from "./find-twin.ts";

/** A twin as services see it, with its etag: the text is what is there, and is read only for whoever wants the body. */
export class TwinResource implements Resource {
  readonly etag: string;
  /** `body` as JSON. */
  readonly text: string;

  constructor(etag: string, text: string) {
    this.etag = etag;
    this.text = text;
  }

  get body(): JsonObject {
    return JSON.parse(this.text) as JsonObject;
  }
}

/** The service's view of a twin, with its etag. */
export function twinResource(
  context: HubContext,
  tx: HubTx,
  key: IdentityKey,
  found: FoundIdentity,
  twin: Twin,
): TwinResource {
  const { identity, device } = found;
  const presence = currentPresence(context, tx, key);
  const text = serviceTwinText({
    identity,
    device,
    twin,
    presence,
    queued: queuedMessages(tx, key),
  });
  return new TwinResource(twinEtag(twin.etagCounter), text);
}
