import type { IdentityKey } from "../../../domain/identity/key.ts";
import type { IdentityEntry } from "../identity-links.ts";
import { unknownAddress } from "../errors.ts";
import type { Attach, LinkContext } from "./link.ts";

/** A link of a device or module, which is connected from now on. */
export interface JoinedIdentity {
  readonly entry: IdentityEntry;
  /** To be called when the link has ended. */
  leave(this: void): void;
}

/** Proves and connects the identity that the address names. Refuses as `IdentityLinks.join` does. */
export async function joinIdentity(context: LinkContext, attach: Attach): Promise<JoinedIdentity> {
  const key = keyOf(context, attach);
  context.faults.checkLink(key);
  const entry = await context.identities.join(key, context.port);
  return { entry, leave: () => context.identities.leave(key, context.port) };
}

function keyOf(context: LinkContext, { address, addressText }: Attach): IdentityKey {
  switch (address.kind) {
    case "deviceEvents":
    case "deviceBound":
    case "methods":
    case "twin":
      return address.key;
    case "cbs":
    case "serviceDeviceBound":
    case "feedback":
    case "fileNotifications":
    case "eventsRedirect":
    case "management":
    case "partition":
    case "unknown":
      throw unknownAddress(context.services, addressText);
  }
}
