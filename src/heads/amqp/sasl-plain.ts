import { HubError } from "../../domain/errors.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import { parseSasToken } from "../../wire/sas-token.ts";
import type { Peer } from "../head.ts";
import type { Claims } from "./claims.ts";
import type { SaslInit } from "./sasl.ts";
import type { Services } from "./services.ts";

/**
 * True if the peer may go on: it proves itself later by put-token, or has a certificate, or has shown a user name with
 * a token, which then is a claim of the connection like one of put-token (spec/amqp §3).
 */
export async function proveSasl(
  services: Services,
  peer: Peer,
  claims: Claims,
  init: SaslInit,
): Promise<boolean> {
  switch (init.kind) {
    case "none":
      return true;
    case "external":
      return peer.certificate !== undefined;
    case "unknown":
      return false;
    case "plain":
      return provePlain(services, peer, claims, init);
  }
}

async function provePlain(
  { hub, log }: Services,
  peer: Peer,
  claims: Claims,
  { username, password }: Extract<SaslInit, { kind: "plain" }>,
): Promise<boolean> {
  const user = parsePlainUser(username);
  try {
    if (user === undefined || !namesHub(user.hub, hub.hostNames)) return false;
    const token = parseSasToken(password);
    if (user.kind === "policy" && token.policy !== user.policy) return false;
    await claims.add(token);
    if (user.kind === "identity") await claims.identity(user.key);
    return true;
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    log.info({ address: peer.address, error: error.name }, "SASL PLAIN refused");
    return false;
  }
}

export type PlainUser =
  | { readonly kind: "policy"; readonly policy: string; readonly hub: string }
  | { readonly kind: "identity"; readonly key: IdentityKey; readonly hub: string };

/**
 * `{policy}@sas.root.{hub}`, `{device}[/modules/{module}]@sas.{hub}` or the same without `sas.`; `{hub}` is the hub's
 * name, its host name, or that with a port (spec/amqp §3). Ids may hold `@`: the last one divides.
 */
export function parsePlainUser(username: string): PlainUser | undefined {
  const at = username.lastIndexOf("@");
  if (at <= 0) return undefined;
  const who = username.slice(0, at);
  const where = username.slice(at + 1).toLowerCase();
  if (where.startsWith("sas.root."))
    return { kind: "policy", policy: who, hub: where.slice("sas.root.".length) };
  const hub = where.startsWith("sas.") ? where.slice("sas.".length) : where;
  const parts = who.split("/");
  const [deviceId = "", modules, moduleId] = parts;
  if (parts.length === 1) return { kind: "identity", key: { deviceId }, hub };
  if (parts.length === 3 && modules?.toLowerCase() === "modules" && deviceId !== "" && moduleId)
    return { kind: "identity", key: { deviceId, moduleId }, hub };
  return undefined;
}

/** True if `hub`, in lower case, is one of the host names, its first label, or either with a port. */
export function namesHub(hub: string, hostNames: readonly string[]): boolean {
  const name = hub.replace(/:\d+$/, "");
  return hostNames.some((host) => {
    const whole = host.toLowerCase();
    return name === whole || name === whole.split(".", 1)[0];
  });
}
