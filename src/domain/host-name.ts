const address = /^[\d.]+$|:/;

/** The hub's name: `myhub` of `myhub.example.com`; an IP address stays whole. */
export function hubNameOf(hostName: string): string {
  if (address.test(hostName)) return hostName;
  return hostName.split(".", 1)[0] ?? hostName;
}
