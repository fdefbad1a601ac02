import { isIPv6 } from "node:net";

/**
 * What of a peer's address, with or without a port, counts as one source: an IPv4 address, or the first 64 bits of an
 * IPv6 address, of which one machine may have as many as it likes.
 */
export function sourceOf(address: string): string {
  const withZone = hostOf(address);
  // Each connection asks, mostly with IPv4: Node's expressions for IPv6 take longer than all the rest.
  if (!withZone.includes(":") && !withZone.includes("%")) return withZone;
  const host = withZone.replace(/%.*$/, "");
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)?.[1];
  if (mapped !== undefined) return mapped;
  return isIPv6(host) ? `${firstGroups(host)}::/64` : host;
}

/** `[::1]:443`, `::1:443` as sockets tell it, `127.0.0.1:443`, or a bare address. */
function hostOf(address: string): string {
  const bracketed = address.startsWith("[") ? /^\[([^\]]*)\]/.exec(address)?.[1] : undefined;
  if (bracketed !== undefined) return bracketed;
  const colon = address.lastIndexOf(":");
  return colon < 0 ? address : address.slice(0, colon);
}

function firstGroups(host: string): string {
  const [head = "", tail] = host.split("::");
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: Math.max(0, 8 - front.length - back.length) }, () => "0");
  const groups = tail === undefined ? front : [...front, ...zeros, ...back];
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}
