import { isIP } from "node:net";

/**
 * Tells whether a Host header names this hub: one of its names, `localhost`, a loopback address or one of
 * `addresses`; with any port (spec/rest §4). Refusing others keeps a web page from reaching the hub under a name of
 * its own that resolves to this machine.
 */
export function ownHost(
  names: readonly string[],
  addresses: readonly string[],
): (header: string | undefined) => boolean {
  const accepted = new Set(
    ["localhost", "::1", ...names, ...addresses].map((name) => name.toLowerCase()),
  );
  return (header) => {
    const host = hostOf(header ?? "");
    return accepted.has(host) || (isIP(host) === 4 && host.startsWith("127."));
  };
}

/** `[::1]:443` → `::1`, `Hub.Test:443` → `hub.test`. */
function hostOf(header: string): string {
  const host = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(header.trim().toLowerCase());
  return host?.[1] ?? host?.[2] ?? "";
}
