import { z } from "zod";

export const deviceStatistics = z.object({
  totalDeviceCount: z.int(),
  enabledDeviceCount: z.int(),
  disabledDeviceCount: z.int(),
});

export const serviceStatistics = z.object({ connectedDeviceCount: z.int() });

export const policyParams = z.object({ name: z.string() });

export const policyAnswer = z.object({
  name: z.string(),
  rights: z.array(z.enum(["RegistryRead", "RegistryWrite", "ServiceConnect", "DeviceConnect"])),
  primaryKey: z.string(),
  secondaryKey: z.string(),
});
