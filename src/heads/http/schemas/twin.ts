import { z } from "zod";
import { documentOf, userObjectAnswer } from "./shared.ts";

const nullableText = z.string().nullable();

/**
 * A twin's PATCH or PUT, for the published description only: the twin rules read the body themselves, because they
 * care for the way numbers are written and for members that no schema can foresee.
 */
export const twinInput = z.looseObject({
  tags: z.record(z.string(), z.unknown()).nullish(),
  properties: z.looseObject({ desired: z.record(z.string(), z.unknown()).nullish() }).nullish(),
});

const section = z.looseObject({ $metadata: userObjectAnswer, $version: z.int() });

export const twinDocument = z.object({
  deviceId: z.string(),
  moduleId: z.string().optional(),
  etag: z.string(),
  deviceEtag: z.string(),
  status: z.enum(["enabled", "disabled"]),
  statusReason: z.string().optional(),
  statusUpdateTime: z.string(),
  connectionState: z.enum(["Connected", "Disconnected"]),
  lastActivityTime: z.string(),
  cloudToDeviceMessageCount: z.int(),
  authenticationType: z.enum(["sas", "selfSigned", "certificateAuthority", "none"]),
  x509Thumbprint: z.object({ primaryThumbprint: nullableText, secondaryThumbprint: nullableText }),
  modelId: z.string(),
  version: z.int(),
  tags: userObjectAnswer.optional(),
  properties: z.object({ desired: section, reported: section }),
  configurations: z.record(z.string(), z.object({ status: z.string() })).optional(),
  capabilities: z.object({ iotEdge: z.boolean() }).optional(),
  deviceScope: z.string().optional(),
  parentScopes: z.array(z.string()).optional(),
});

export const twinAnswer = documentOf(twinDocument);
