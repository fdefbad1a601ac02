import { HubError, argumentInvalid } from "../../domain/errors.ts";
import {
  type Policy,
  type PolicyInput,
  defaultPolicies,
  isOwner,
  isPolicyName,
  maxPolicies,
} from "../../domain/identity/policy.ts";
import { isKey } from "../../domain/identity/authentication.ts";
import type { HubContext } from "../context.ts";
import type { HubStore, HubTx, Random } from "../ports.ts";
import { type Principal, denied } from "../principal.ts";

/** Keys and certificates are an owner's business: of a policy that may do everything anyway. */
export function demandOwner(principal: Principal): void {
  if (principal.kind === "policy" && isOwner(principal.rights)) return;
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

/** Creates a policy or changes it; keys that are not given are made, or kept. */
export async function putPolicy(
  context: HubContext,
  principal: Principal,
  name: string,
  input: PolicyInput,
): Promise<Policy> {
  demandOwner(principal);
  if (!isPolicyName(name))
    throw argumentInvalid("The name of a policy must be 1 to 64 letters, digits and common signs");
  if (input.rights.length === 0) throw argumentInvalid("A policy needs one right at least");
  for (const key of [input.primaryKey, input.secondaryKey]) {
    if (key !== undefined && !isKey(key))
      throw argumentInvalid("A key must be Base64 of 16 to 64 bytes");
  }
  const made = { primary: context.random.base64(32), secondary: context.random.base64(32) };
  return context.store.transaction(null, (tx) => {
    const stored = tx.policy(name);
    if (stored === undefined && tx.policies().length >= maxPolicies) {
      throw new HubError(
        "InvalidOperation",
        `The hub already has ${maxPolicies} policies, its limit`,
      );
    }
    const policy: Policy = {
      name,
      rights: [...new Set(input.rights)],
      primaryKey: input.primaryKey ?? stored?.primaryKey ?? made.primary,
      secondaryKey: input.secondaryKey ?? stored?.secondaryKey ?? made.secondary,
    };
    if (!isOwner(policy.rights)) keepAnOwner(tx, name);
    return savePolicy(tx, policy);
  });
}

export async function regeneratePolicyKey(
  context: HubContext,
  principal: Principal,
  name: string,
  which: "primaryKey" | "secondaryKey",
): Promise<Policy> {
  demandOwner(principal);
  const key = context.random.base64(32);
  return context.store.transaction(null, (tx) =>
    savePolicy(tx, { ...findPolicy(tx, name), [which]: key }),
  );
}

export async function deletePolicy(
  context: HubContext,
  principal: Principal,
  name: string,
): Promise<void> {
  demandOwner(principal);
  await context.store.transaction(null, (tx) => {
    findPolicy(tx, name);
    keepAnOwner(tx, name);
    tx.deletePolicy(name);
    tx.emit({ type: "policyChanged", name, at: tx.now });
  });
}

function savePolicy(tx: HubTx, policy: Policy): Policy {
  tx.putPolicy(policy);
  tx.emit({ type: "policyChanged", name: policy.name, at: tx.now });
  return policy;
}

function findPolicy(tx: HubTx, name: string): Policy {
  const policy = tx.policy(name);
  if (policy === undefined)
    throw new HubError("GenericNotFound", `There is no policy '${name.replaceAll(";", " ")}'`);
  return policy;
}

/** Without an owner nobody could manage the hub any more. */
function keepAnOwner(tx: HubTx, except: string): void {
  if (tx.policies().some((policy) => policy.name !== except && isOwner(policy.rights))) return;
  throw new HubError("InvalidOperation", "The hub needs a policy with all four rights");
}
