import { type IdentityKey, keyText } from "../../domain/identity/key.ts";
import type { HubContext } from "../context.ts";
import type { ConnectionInfo, EndedConnection } from "../hub.ts";
import { type Principal, demand } from "../principal.ts";

/** Connections that one call shows at the most. */
const maxList = 1000;

/** The live connections of this node in ordinal order of their identities. */
export async function listConnections(
  context: HubContext,
  principal: Principal,
  after: IdentityKey | null,
  limit: number,
): Promise<readonly ConnectionInfo[]> {
  demand(principal, "ServiceConnect");
  const from = after === null ? "" : keyText(after);
  return context.live
    .all()
    .map((connection) => ({ connection, text: keyText(connection.principal.key) }))
    .filter(({ text }) => text > from)
    .toSorted((a, b) => (a.text < b.text ? -1 : 1))
    .slice(0, Math.min(limit, maxList))
    .map(({ connection: { principal: of, link, since } }) => ({
      key: of.key,
      protocol: link.protocol,
      since,
      auth: of.auth,
    }));
}

/** How many devices and how many modules are connected. */
export async function countConnections(
  { live }: HubContext,
  principal: Principal,
): Promise<{ devices: number; modules: number }> {
  demand(principal, "ServiceConnect");
  return { devices: live.deviceCount, modules: live.count - live.deviceCount };
}

/** The newest ends of connections, newest first. */
export async function endedConnections(
  context: HubContext,
  principal: Principal,
): Promise<readonly EndedConnection[]> {
  demand(principal, "ServiceConnect");
  return context.live.ended();
}
