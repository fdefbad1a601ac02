import type { ClientCertificate, Credential, SasToken } from "../../domain/identity/credentials.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import { HubError } from "../../domain/errors.ts";
import {
  audienceCovers,
  audienceIdentities,
  isEventHubsResource,
  readAudience,
  verifySas,
  verifySasByKeyText,
} from "../../domain/identity/sas.ts";
import type { HubContext } from "../context.ts";
import { type Principal, denied } from "../principal.ts";
import { authenticateIdentity } from "./authenticate-identity.ts";

/** Proves the caller of a REST request (spec/rest §5). */
export async function authenticateRequest(
  context: HubContext,
  token: SasToken | undefined,
  path: string,
  certificate?: ClientCertificate,
): Promise<Principal> {
  if (token === undefined) {
    if (certificate !== undefined) return authenticateByCertificate(context, certificate, path);
    throw denied("The request has no shared access signature");
  }
  const audience = readAudience(token.rawResource, context.isOwnHost);
  if (audience === null) throw denied("The audience (sr) of the token is not this hub");
  if (token.policy === undefined) return authenticateByOwnKey(context, token, audience);
  const name = token.policy;
  const policy = await context.store.read(null, (tx) => tx.policy(name));
  const keys = { primary: policy?.primaryKey ?? "", secondary: policy?.secondaryKey ?? "" };
  const verify = isEventHubsResource(token.rawResource) ? verifyEither : verifySas;
  const key = verify(token, keys, context.clock.now(), context.settings.clockSkew);
  if (policy === undefined || key === null)
    throw denied("The token is expired, or its policy or signature is wrong");
  if (!audienceCovers(audience, path.split("/").filter(Boolean))) {
    throw denied("The audience (sr) of the token does not cover the request");
  }
  return { kind: "policy", policy: policy.name, rights: policy.rights };
}

/** Clients of Event Hubs sign with the key's text, tools of IoT Hub that read events with the key (spec/amqp §5.1). */
const verifyEither: typeof verifySas = (...args) =>
  verifySas(...args) ?? verifySasByKeyText(...args);

/** The token's audience names the caller; an id that looks escaped may mean two identities, of which one signed. */
function authenticateByOwnKey(
  context: HubContext,
  token: SasToken,
  audience: readonly string[],
): Promise<Principal> {
  return firstProven(context, audienceIdentities(audience), { kind: "sas", token });
}

/** A certificate says nothing of which identity it is meant for: the path does (spec/rest §9.1). */
function authenticateByCertificate(
  context: HubContext,
  certificate: ClientCertificate,
  path: string,
): Promise<Principal> {
  const [root, deviceId, modules, moduleId] = path.split("/").filter(Boolean);
  const keys: IdentityKey[] = [];
  if (root?.toLowerCase() === "devices" && deviceId !== undefined) {
    if (modules?.toLowerCase() === "modules" && moduleId !== undefined)
      keys.push({ deviceId, moduleId });
    keys.push({ deviceId });
  }
  return firstProven(context, keys, { kind: "certificate", certificate });
}

async function firstProven(
  context: HubContext,
  keys: readonly IdentityKey[],
  credential: Credential,
): Promise<Principal> {
  let refusal = denied("The credential does not name a device or module");
  for (const key of keys) {
    try {
      return await authenticateIdentity(context, { key, credential });
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      // Over HTTPS a disabled device is told no more than that it is refused (spec/rest §5.6).
      refusal = denied(error.message);
    }
  }
  throw refusal;
}
