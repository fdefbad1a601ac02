/** The rights of shared access policies (spec/semantics §3). RegistryWrite implies RegistryRead. */
export type Right = "RegistryRead" | "RegistryWrite" | "ServiceConnect" | "DeviceConnect";

export interface Policy {
  readonly name: string;
  readonly rights: readonly Right[];
  readonly primaryKey: string;
  readonly secondaryKey: string;
}

/** At most this many policies per hub (spec/semantics §15.3). */
export const maxPolicies = 16;

/** The policies that a new hub has (spec/rest §5.4). */
export const defaultPolicies: readonly { name: string; rights: readonly Right[] }[] = [
  {
    name: "iothubowner",
    rights: ["RegistryRead", "RegistryWrite", "ServiceConnect", "DeviceConnect"],
  },
  { name: "service", rights: ["ServiceConnect"] },
  { name: "device", rights: ["DeviceConnect"] },
  { name: "registryRead", rights: ["RegistryRead"] },
  { name: "registryReadWrite", rights: ["RegistryRead", "RegistryWrite"] },
];

export function grants(rights: readonly Right[], right: Right): boolean {
  return rights.includes(right) || (right === "RegistryRead" && rights.includes("RegistryWrite"));
}

/** What an owner may say of a policy. */
export interface PolicyInput {
  readonly rights: readonly Right[];
  readonly primaryKey?: string | undefined;
  readonly secondaryKey?: string | undefined;
}

const namePattern = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,64}$/;

export function isPolicyName(name: string): boolean {
  return namePattern.test(name);
}

/** True if the policy may do everything. */
export function isOwner(rights: readonly Right[]): boolean {
  return (["RegistryRead", "RegistryWrite", "ServiceConnect", "DeviceConnect"] as const).every(
    (right) => grants(rights, right),
  );
}
