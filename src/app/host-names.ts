import { isIP } from "node:net";

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

export { hubNameOf } from "../domain/host-name.ts";
