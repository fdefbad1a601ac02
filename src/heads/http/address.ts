import type { FastifyRequest } from "fastify";
import type { HubApi } from "../../app/hub.ts";
import type { Log } from "../../app/ports.ts";
import type { Principal } from "../../app/principal.ts";
import { HubError } from "../../domain/errors.ts";
import { type IdentityKey, isId } from "../../domain/identity/key.ts";
import { authenticateFor, callerOf, decodedPath } from "./auth.ts";

/**
 * Reads what `key` addresses; if it is unknown and its ids still hold `%XX`, what the ids decoded once more address
 * (spec/rest §3.1 rule 6). For reads only: a client that repeats a DELETE must not hit a neighbour. The caller is
 * proven again, since its token may cover only the first path.
 */
export async function readAddressed<T>(
  parts: { readonly hub: HubApi; readonly log: Log },
  request: FastifyRequest,
  key: IdentityKey,
  read: (principal: Principal, key: IdentityKey) => Promise<T>,
): Promise<T> {
  try {
    return await read(callerOf(request), key);
  } catch (error) {
    const again = isMissing(error) ? decodedAgain(request, key) : null;
    if (again === null) throw error;
    const principal = await authenticateFor(parts.hub, parts.log, request, again.path);
    return read(principal, again.key).catch((second: unknown) => {
      throw isMissing(second) ? error : second;
    });
  }
}

function isMissing(error: unknown): boolean {
  return (
    error instanceof HubError &&
    (error.name === "DeviceNotFound" || error.name === "ModuleNotFound")
  );
}

function decodedAgain(
  request: FastifyRequest,
  key: IdentityKey,
): { readonly key: IdentityKey; readonly path: string } | null {
  if (!/%[0-9a-f]{2}/i.test(key.deviceId + (key.moduleId ?? ""))) return null;
  try {
    const deviceId = decodeURIComponent(key.deviceId);
    const moduleId = key.moduleId === undefined ? undefined : decodeURIComponent(key.moduleId);
    if (![deviceId, moduleId ?? "m"].every(isId)) return null;
    return { key: { deviceId, moduleId }, path: decodeURIComponent(decodedPath(request)) };
  } catch {
    return null;
  }
}
