import { isIPv4, isIPv6 } from "node:net";
import { TlsError } from "./tls-error.ts";

/** At most this many names stand in a certificate. */
export const maxNames = 100;

const hostNamePattern =
  /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\.?$/;
const wildcardAddresses = new Set(["0.0.0.0", "::"]);

/**
 * The names and addresses for which the server's certificate is issued: those given, in their order and lower
 * case, then the loopback ones and the machine's own name. Each is there once. The address "any" (`0.0.0.0`,
 * `::`) is left out, because no client dials it.
 *
 * Throws `TlsError` for a text that is neither a host name nor an IP address.
 */
export function certificateNames(hostNames: readonly string[], machineName: string): string[] {
  const names = new Set<string>();
  for (const name of hostNames) names.add(canonicalName(name));
  for (const name of ["127.0.0.1", "::1", "localhost"]) names.add(name);
  const own = machineName.toLowerCase();
  if (isHostName(own)) names.add(own);
  for (const address of wildcardAddresses) names.delete(address);
  if (names.size > maxNames)
    throw new TlsError(
      `A certificate holds at most ${maxNames} names, but ${names.size} are given`,
    );
  return [...names];
}

function canonicalName(name: string): string {
  const text = name
    .trim()
    .toLowerCase()
    .replace(/^\[(.*)\]$/, "$1");
  if (isIPv4(text) || isHostName(text)) return text;
  // Asked last: Node compiles an expression of thousands of characters for it.
  if (isIPv6(text)) return canonicalIpv6(text);
  throw new TlsError(`'${name}' is neither a host name nor an IP address`);
}

function isHostName(text: string): boolean {
  return text.length <= 253 && hostNamePattern.test(text);
}

/** One spelling per address, without a zone. */
function canonicalIpv6(text: string): string {
  const [address = ""] = text.split("%");
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}

/** Whether one of `certificateNames` is an address; no host name has a colon. */
export function isAddress(name: string): boolean {
  return name.includes(":") || isIPv4(name);
}

/** The 4 or 16 bytes of an IP address in its textual form. */
export function addressBytes(address: string): Buffer {
  if (!address.includes(":")) return Buffer.from(address.split(".").map(Number));
  const [head = "", tail] = canonicalIpv6(address).split("::");
  const left = groups(head);
  const right = groups(tail ?? "");
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => 0);
  const bytes = Buffer.alloc(16);
  [...left, ...zeros, ...right].forEach((group, index) => bytes.writeUInt16BE(group, index * 2));
  return bytes;
}

function groups(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}
