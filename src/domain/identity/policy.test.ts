import { describe, expect, it } from "vitest";
import { type Right, defaultPolicies, grants } from "./policy.ts";

function rightsOf(name: string): readonly Right[] {
  return defaultPolicies.find((policy) => policy.name === name)?.rights ?? [];
}

describe("the policies of a new hub", () => {
  it("are the five that Azure makes", () => {
    expect(defaultPolicies.map((policy) => policy.name)).toEqual([
      "iothubowner",
      "service",
      "device",
      "registryRead",
      "registryReadWrite",
    ]);
  });

  it("A16: service may not act as a device, device may (A15)", () => {
    expect(grants(rightsOf("service"), "DeviceConnect")).toBe(false);
    expect(grants(rightsOf("device"), "DeviceConnect")).toBe(true);
  });

  it("A17: registryRead may read identities and not create them", () => {
    expect(grants(rightsOf("registryRead"), "RegistryRead")).toBe(true);
    expect(grants(rightsOf("registryRead"), "RegistryWrite")).toBe(false);
  });

  it("A18: service may patch twins, registryReadWrite may not", () => {
    expect(grants(rightsOf("service"), "ServiceConnect")).toBe(true);
    expect(grants(rightsOf("registryReadWrite"), "ServiceConnect")).toBe(false);
  });

  it("let write imply read, not the reverse", () => {
    expect(grants(["RegistryWrite"], "RegistryRead")).toBe(true);
    expect(grants(["RegistryRead"], "RegistryWrite")).toBe(false);
  });
});
