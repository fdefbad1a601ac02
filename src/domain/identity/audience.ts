import { type IdentityKey, isId } from "./key.ts";

/**
 * The path segments below the host that a token's `sr` names, decoded once; empty for the whole hub. `null` if the
 * host is not this hub's, or if there is none. A scheme, a port and slashes at the end do not count
 * (spec/semantics §7.2, spec/rest §5.3).
 *
 * `+` stays a plus: ids may hold it and no id holds a space.
 */
export function readAudience(
  rawResource: string,
  isOwnHost: (host: string) => boolean,
): readonly string[] | null {
  const [authority = "", ...path] = decode(rawResource)
    .replace(/^[A-Za-z][A-Za-z0-9+.-]*:\/\//, "")
    .split("/");
  const host = /^(?:\[([^\]]+)\]|([^:]+))(?::\d*)?$/.exec(authority);
  const name = host?.[1] ?? host?.[2];
  if (name === undefined || !isOwnHost(name)) return null;
  while (path.at(-1) === "") path.pop();
  return path;
}

/**
 * True if `path`, decoded, is `audience` or lies below it: `/a/b` covers `/a/b/c`, not `/a/bc`. Without regard to
 * case. Some clients encode ids before they encode the whole, so a segment that differs is decoded once more.
 *
 * With an identity's own key a prefix is not enough: the two must have the same length (spec/semantics §7.2).
 */
export function audienceCovers(audience: readonly string[], path: readonly string[]): boolean {
  return audience.length <= path.length && audience.every((part, i) => names(part, path[i]));
}

/**
 * The identities that the audience may mean, the likelier one first: with ids decoded once and, where that gives
 * other ids, once more. Empty unless it is `/devices/{d}` or `/devices/{d}/modules/{m}`.
 */
export function audienceIdentities(audience: readonly string[]): readonly IdentityKey[] {
  const once = identityAt(audience);
  const twice = identityAt(audience.map(decode));
  if (once === null || twice === null) return once === null ? [] : [once];
  const same = once.deviceId === twice.deviceId && once.moduleId === twice.moduleId;
  return same ? [once] : [twice, once];
}

/** The likeliest of `audienceIdentities`: `%24edgeAgent` is read as `$edgeAgent`. */
export function audienceIdentity(audience: readonly string[]): IdentityKey | null {
  return audienceIdentities(audience)[0] ?? null;
}

function identityAt(audience: readonly string[]): IdentityKey | null {
  const [devices, deviceId, modules, moduleId] = audience;
  if (devices === undefined || deviceId === undefined) return null;
  if (!sameText(devices, "devices") || !isId(deviceId)) return null;
  if (audience.length === 2) return { deviceId };
  if (audience.length !== 4 || modules === undefined || moduleId === undefined) return null;
  return sameText(modules, "modules") && isId(moduleId) ? { deviceId, moduleId } : null;
}

function names(part: string, segment: string | undefined): boolean {
  return segment !== undefined && (sameText(part, segment) || sameText(decode(part), segment));
}

function sameText(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** Percent-decoding; a text with a bad escape is kept as it is. */
function decode(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
