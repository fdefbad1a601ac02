import type { HubEvent } from "../../domain/events/hub-event.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import { holdsCredential } from "../auth/holds-credential.ts";
import { currentAuthorities } from "../certificates/certificates.ts";
import type { HubContext } from "../context.ts";

/** Cuts the live connections that a committed change of an identity ends (spec/semantics §16). */
export function closeConnections(context: HubContext, event: HubEvent): void {
  switch (event.type) {
    case "identityDeleted": {
      const connection = context.live.get(event.key);
      // A re-created identity may be connected already.
      if (connection?.principal.generationId === event.generationId)
        connection.link.close("identityDeleted");
      return;
    }
    case "identityUpdated":
      if (event.status === "disabled") {
        for (const { link } of context.live.ofDevice(event.key.deviceId))
          link.close("identityDisabled");
      } else if (event.credentials) {
        closeIfCredentialGone(context, event.key);
      }
      return;
    case "policyChanged":
      for (const { principal } of context.live.all()) {
        if (principal.policy === event.name) closeIfCredentialGone(context, principal.key);
      }
      return;
    case "authoritiesChanged":
      for (const { principal } of context.live.all()) {
        if (principal.auth.type === "x509") closeIfCredentialGone(context, principal.key);
      }
      return;
    case "twinChanged":
    case "identityCreated":
    case "connectionChanged":
    case "messageQueued":
    case "jobChanged":
    case "routingChanged":
      return;
  }
}

function closeIfCredentialGone(context: HubContext, key: IdentityKey): void {
  const connection = context.live.get(key);
  if (connection === undefined) return;
  const { principal, link } = connection;
  context.store
    .transaction(key, (tx) => {
      const identity = tx.identity(key);
      const policy = principal.policy === undefined ? undefined : tx.policy(principal.policy);
      const authorities = () => currentAuthorities(context, tx);
      return (
        identity !== undefined && holdsCredential(principal, { identity, policy, authorities })
      );
    })
    .then((stillHolds) => {
      if (!stillHolds) link.close("credentialsChanged");
    })
    .catch((error: unknown) => {
      context.log.error(
        { err: error, ...key },
        "could not check a connection after a change of credentials",
      );
      link.close("hubError");
    });
}
