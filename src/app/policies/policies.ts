import { HubError } from "../../domain/errors.ts";
import { type Policy, type Right, defaultPolicies, grants } from "../../domain/identity/policy.ts";
import type { HubContext } from "../context.ts";
import type { HubStore, Random } from "../ports.ts";
import { type Principal, denied } from "../principal.ts";

const allRights: readonly Right[] = [
  "RegistryRead",
  "RegistryWrite",
  "ServiceConnect",
  "DeviceConnect",
];

/** Keys and certificates are an owner's business: of a policy that may do everything anyway. */
export function demandOwner(principal: Principal): void {
  if (principal.kind === "policy" && allRights.every((right) => grants(principal.rights, right)))
    return;
  throw denied("Only a policy with all four rights may do this");
}

export async function listPolicies(
  context: HubContext,
  principal: Principal,
): Promise<readonly Policy[]> {
  demandOwner(principal);
  return context.store.transaction(null, (tx) => tx.policies());
}

export async function getPolicy(
  context: HubContext,
  principal: Principal,
  name: string,
): Promise<Policy> {
  demandOwner(principal);
  const policy = await context.store.transaction(null, (tx) => tx.policy(name));
  if (policy === undefined)
    throw new HubError("GenericNotFound", `There is no policy '${name.replaceAll(";", " ")}'`);
  return policy;
}

/** Gives a new hub its policies, each with two keys of 32 random bytes (spec/rest §5.4). */
export async function ensurePolicies(store: HubStore, random: Random): Promise<readonly Policy[]> {
  const made = defaultPolicies.map((policy) => ({
    ...policy,
    primaryKey: random.base64(32),
    secondaryKey: random.base64(32),
  }));
  return store.transaction(null, (tx) => {
    if (tx.policies().length === 0) for (const policy of made) tx.putPolicy(policy);
    return tx.policies();
  });
}
