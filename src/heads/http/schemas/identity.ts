import { z } from "zod";
import { documentOf, optionalText } from "./shared.ts";

const authenticationInput = z.object({
  type: optionalText,
  symmetricKey: z.object({ primaryKey: optionalText, secondaryKey: optionalText }).nullish(),
  x509Thumbprint: z
    .object({ primaryThumbprint: optionalText, secondaryThumbprint: optionalText })
    .nullish(),
});

const deviceWritable = {
  status: optionalText,
  statusReason: optionalText,
  authentication: authenticationInput.nullish(),
  capabilities: z.object({ iotEdge: z.boolean().nullish() }).nullish(),
  deviceScope: optionalText,
  parentScopes: z.array(z.string()).nullish(),
};

/** A device's PUT; read-only and unknown members are dropped (spec/rest §8.1). */
export const deviceInput = z.object({ deviceId: optionalText, ...deviceWritable });

/** A module's PUT. */
export const moduleInput = z.object({
  deviceId: optionalText,
  moduleId: optionalText,
  managedBy: optionalText,
  authentication: authenticationInput.nullish(),
});

/** What a bulk entry takes over from a device's PUT. */
export const bulkDeviceMembers = deviceWritable;

const nullableText = z.string().nullable();

const authenticationAnswer = z.object({
  symmetricKey: z.object({ primaryKey: nullableText, secondaryKey: nullableText }),
  x509Thumbprint: z.object({ primaryThumbprint: nullableText, secondaryThumbprint: nullableText }),
  type: z.enum(["sas", "selfSigned", "certificateAuthority", "none"]),
});

const identityAnswer = {
  deviceId: z.string(),
  generationId: z.string(),
  etag: z.string(),
  connectionState: z.enum(["Connected", "Disconnected"]),
  connectionStateUpdatedTime: z.string(),
  lastActivityTime: z.string(),
  cloudToDeviceMessageCount: z.int(),
  authentication: authenticationAnswer,
};

export const deviceDocument = z.object({
  ...identityAnswer,
  status: z.enum(["enabled", "disabled"]),
  statusReason: nullableText,
  statusUpdatedTime: z.string(),
  capabilities: z.object({ iotEdge: z.boolean() }),
  deviceScope: z.string().optional(),
  parentScopes: z.array(z.string()).optional(),
});

export const moduleDocument = z.object({
  ...identityAnswer,
  moduleId: z.string(),
  managedBy: nullableText,
});

export const deviceAnswer = documentOf(deviceDocument);
export const moduleAnswer = documentOf(moduleDocument);
