import { HubError } from "../../domain/errors.ts";
import type { ConnectRequest } from "../../domain/identity/credentials.ts";
import type { HubContext } from "../context.ts";
import { type IdentityPrincipal, demand, denied } from "../principal.ts";
import { findIdentity } from "../twins/find-twin.ts";
import { authenticateIdentity, identityPath } from "./authenticate-identity.ts";
import { authenticateRequest } from "./authenticate-request.ts";

/**
 * Proves a device or module that calls a device endpoint over HTTPS. A disabled one is told no more than that it is
 * refused. Only a policy, whose owner may know all ids, learns that the identity does not exist (spec/rest §5.6).
 */
export async function authenticateCall(
  context: HubContext,
  request: ConnectRequest,
): Promise<IdentityPrincipal> {
  try {
    return await authenticateIdentity(context, request);
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    await tellPolicyIfMissing(context, request);
    throw error.name === "DeviceDisabled" ? denied(error.message) : error;
  }
}

async function tellPolicyIfMissing(
  context: HubContext,
  { key, credential }: ConnectRequest,
): Promise<void> {
  if (credential.kind !== "sas" || credential.token.policy === undefined) return;
  const path = `/${identityPath(key).join("/")}`;
  demand(await authenticateRequest(context, credential.token, path), "DeviceConnect");
  await context.store.read(key, (tx) => findIdentity(tx, key));
}
