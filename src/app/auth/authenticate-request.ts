import type { SasToken } from "../../domain/identity/credentials.ts";
import { HubError } from "../../domain/errors.ts";
import {
  audienceCovers,
  audienceIdentities,
  readAudience,
  verifySas,
} from "../../domain/identity/sas.ts";
import type { HubContext } from "../context.ts";
import { type Principal, denied } from "../principal.ts";
import { authenticateIdentity } from "./authenticate-identity.ts";

/** Proves the caller of a REST request (spec/rest §5). */
export async function authenticateRequest(
  context: HubContext,
  token: SasToken | undefined,
  path: string,
): Promise<Principal> {
  if (token === undefined) throw denied("The request has no shared access signature");
  const audience = readAudience(token.rawResource, context.isOwnHost);
  if (audience === null) throw denied("The audience (sr) of the token is not this hub");
  if (token.policy === undefined) return authenticateByOwnKey(context, token, audience);
  const name = token.policy;
  const policy = await context.store.transaction(null, (tx) => tx.policy(name));
  const keys = { primary: policy?.primaryKey ?? "", secondary: policy?.secondaryKey ?? "" };
  const key = verifySas(token, keys, context.clock.now(), context.settings.clockSkew);
  if (policy === undefined || key === null)
    throw denied("The token is expired, or its policy or signature is wrong");
  if (!audienceCovers(audience, path.split("/").filter(Boolean))) {
    throw denied("The audience (sr) of the token does not cover the request");
  }
  return { kind: "policy", policy: policy.name, rights: policy.rights };
}

/** The token's audience names the caller; an id that looks escaped may mean two identities, of which one signed. */
async function authenticateByOwnKey(
  context: HubContext,
  token: SasToken,
  audience: readonly string[],
): Promise<Principal> {
  let refusal = denied(
    "A token without a policy (skn) must have a device or module as its audience",
  );
  for (const key of audienceIdentities(audience)) {
    try {
      return await authenticateIdentity(context, { key, credential: { kind: "sas", token } });
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      // Over HTTPS a disabled device is told no more than that it is refused (spec/rest §5.6).
      refusal = denied(error.message);
    }
  }
  throw refusal;
}
