import { HubError, argumentInvalid } from "../../domain/errors.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import type { HubContext } from "../context.ts";
import type { RegeneratedKeys } from "../hub.ts";
import { type Principal, demand } from "../principal.ts";
import { findIdentity } from "../twins/find-twin.ts";
import { changeDevice, changeModule } from "./write-identity.ts";

const maxKeys = 100;

/** Gives identities new keys of their own; each by itself (spec/rest §8.5). */
export async function regenerateKeys(
  context: HubContext,
  principal: Principal,
  policyKey: "primaryKey" | "secondaryKey" | "both",
  keys: readonly IdentityKey[],
): Promise<RegeneratedKeys> {
  demand(principal, "RegistryWrite");
  if (keys.length === 0 || keys.length > maxKeys) {
    throw argumentInvalid(
      `Keys of 1 to ${maxKeys} identities can be regenerated at once, not of ${keys.length}`,
    );
  }
  const rotated: RegeneratedKeys["rotated"][number][] = [];
  const errors: RegeneratedKeys["errors"][number][] = [];
  await Promise.all(
    keys.map(async (key) => {
      try {
        rotated.push({ key, ...(await regenerate(context, policyKey, key)) });
      } catch (error) {
        if (!(error instanceof HubError)) throw error;
        errors.push({ key, number: error.number, name: error.name });
      }
    }),
  );
  return { rotated, errors };
}

function regenerate(
  context: HubContext,
  policyKey: "primaryKey" | "secondaryKey" | "both",
  key: IdentityKey,
): Promise<{ primaryKey: string; secondaryKey: string }> {
  return context.store.transaction(key, (tx) => {
    const { identity } = findIdentity(tx, key);
    const { authentication } = identity;
    if (authentication.type !== "sas") {
      throw new HubError(
        "InvalidOperation",
        "Only an identity with symmetric keys has keys to regenerate",
      );
    }
    const symmetricKey = {
      primaryKey:
        policyKey === "secondaryKey" ? authentication.primaryKey : context.random.base64(32),
      secondaryKey:
        policyKey === "primaryKey" ? authentication.secondaryKey : context.random.base64(32),
    };
    const input = { authentication: { type: "sas", symmetricKey } };
    if (identity.moduleId === undefined) {
      const { status, statusReason, iotEdge, deviceScope, parentScopes } = identity;
      const kept = { status, statusReason, capabilities: { iotEdge }, deviceScope, parentScopes };
      changeDevice({ context, tx }, identity, { ...kept, ...input });
    } else {
      changeModule({ context, tx }, identity, { managedBy: identity.managedBy, ...input });
    }
    return symmetricKey;
  });
}
