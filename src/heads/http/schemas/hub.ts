import { z } from "zod";
import { optionalText } from "./shared.ts";

export const deviceStatistics = z.object({
  totalDeviceCount: z.int(),
  enabledDeviceCount: z.int(),
  disabledDeviceCount: z.int(),
});

export const serviceStatistics = z.object({ connectedDeviceCount: z.int() });

export const policyParams = z.object({ name: z.string() });

const rights = z.array(
  z.enum(["RegistryRead", "RegistryWrite", "ServiceConnect", "DeviceConnect"]),
);

export const policyAnswer = z.object({
  name: z.string(),
  rights,
  primaryKey: z.string(),
  secondaryKey: z.string(),
});

export const policyInput = z.object({
  rights: rights.max(16),
  primaryKey: optionalText.describe("Base64 of 16 to 64 bytes; made or kept if missing"),
  secondaryKey: optionalText,
});

export const regeneratePolicyInput = z.object({ key: z.enum(["primaryKey", "secondaryKey"]) });

const connection = {
  deviceId: z.string(),
  moduleId: z.string().optional(),
  protocol: z.string().describe("mqtt, mqtt-ws, amqp or amqp-ws"),
  since: z.string(),
  auth: z.object({
    scope: z.enum(["hub", "device", "module"]),
    type: z.enum(["sas", "symkey", "x509"]),
  }),
};

export const connectionAnswer = z.object(connection);

export const endedConnectionAnswer = z.object({
  ...connection,
  until: z.string(),
  reason: z.string().describe("newerConnection, clientDisconnected, tokenExpired …"),
});

export const connectionsQuery = z.object({
  after: optionalText.describe("go on after this identity: `d1` or `d1/m1`"),
  top: z.coerce.number().int().min(1).max(1000).default(1000).describe("At most this many"),
});

export const partitionAnswer = z.object({
  partition: z.int(),
  firstSequenceNumber: z.int(),
  lastSequenceNumber: z.int(),
  lastEnqueuedTime: z.string().nullable(),
});

export const overviewAnswer = z.object({
  hostName: z.string(),
  hostNames: z.array(z.string()),
  time: z.string(),
  devices: z.object({ total: z.int(), enabled: z.int(), disabled: z.int(), connected: z.int() }),
  modules: z.object({ total: z.int(), connected: z.int() }),
  partitions: z.array(partitionAnswer),
});
