import { isIP } from "node:net";

const address = /^[\d.]+$|:/;

/** `myhub` of `myhub.example.com`; an IP address stays whole. */
export function hubNameOf(hostName: string): string {
  if (address.test(hostName)) return hostName;
  return hostName.split(".", 1)[0] ?? hostName;
}

/**
 * Tells whether a token's or request's host means this hub: one of its names, or this machine by loopback.
 * Ports are ignored by the callers (spec/rest §5.3).
 */
export function ownHosts(hostNames: readonly string[]): (host: string) => boolean {
  const names = new Set(hostNames.map((name) => name.toLowerCase()));
  return (host) => {
    const name = host.toLowerCase().replace(/^\[(.*)\]$/, "$1");
    return (
      names.has(name) ||
      name === "localhost" ||
      name === "::1" ||
      (name.startsWith("127.") && isIP(name) === 4)
    );
  };
}
