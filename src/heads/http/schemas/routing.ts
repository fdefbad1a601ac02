import { z } from "zod";
import {
  logDefaults,
  logLimits,
  webhookDefaults,
  webhookLimits,
} from "../../../domain/routing/endpoint.ts";
import { routeSources } from "../../../domain/routing/route.ts";
import { documentOf, optionalText, userObject } from "./shared.ts";

/** Endpoints that one route or enrichment names; more than a hub can have. */
const maxNames = 20;

const names = z.array(z.string()).max(maxNames).describe("`events` is the built-in endpoint");
const source = z.enum(routeSources);
const condition = z
  .string()
  .describe("In the language of message routing queries; empty for every message");

export const routingName = z.object({ name: z.string() });

const text = z.string();

export const routeInput = z.object({
  name: optionalText.describe("If given, the one in the path"),
  source: source.default("DeviceMessages"),
  condition: condition.nullish(),
  endpointNames: names,
  isEnabled: z.boolean().default(true),
});

const routeFields = {
  name: text,
  source,
  condition: text,
  endpointNames: z.array(text),
  isEnabled: z.boolean(),
};

export const routeDocument = z.object({ ...routeFields, etag: text });
export const routeAnswer = documentOf(routeDocument);

export const fallbackInput = z.object({ isEnabled: z.boolean() });

/** A whole number from 1, as far as the limits go; what they refuse is told by the hub. */
function limited(normal: number, most: number): z.ZodType<number> {
  return z.int().default(normal).describe(`1 to ${most}`);
}

const webhookInput = z.object({
  name: optionalText.describe("If given, the one in the path"),
  type: z.literal("webhook"),
  url: text.describe("https:, or http: to the hub's own machine"),
  secret: optionalText.describe(
    "Signs requests: `x-twinhub-signature: sha256=<HMAC-SHA256 of the body in hexadecimal>`. Kept if missing, removed by null; never shown",
  ),
  timeoutSeconds: limited(webhookDefaults.timeoutSeconds, webhookLimits.timeoutSeconds),
  maxDeliveryCount: limited(webhookDefaults.maxDeliveryCount, webhookLimits.maxDeliveryCount),
  maxBatchSize: limited(webhookDefaults.maxBatchSize, webhookLimits.maxBatchSize),
});

const logInput = z.object({
  name: optionalText.describe("If given, the one in the path"),
  type: z.literal("log"),
  partitionCount: limited(logDefaults.partitionCount, logLimits.partitionCount),
  retentionTimeInHours: limited(logDefaults.retentionTimeInHours, logLimits.retentionTimeInHours),
  maxPartitionBytes: limited(logDefaults.maxPartitionBytes, logLimits.maxPartitionBytes).describe(
    "Bytes of bodies that a partition keeps at the most",
  ),
});

/** A webhook, unless its type says otherwise. */
export const endpointInput = z.preprocess(
  (body) =>
    typeof body === "object" && body !== null && !("type" in body)
      ? { ...body, type: "webhook" }
      : body,
  z.discriminatedUnion("type", [webhookInput, logInput]),
);

export const logDocument = z.object({
  name: text,
  type: z.literal("log"),
  partitionCount: z.int(),
  retentionTimeInHours: z.int(),
  maxPartitionBytes: z.int(),
  createdTime: text,
  waitingMessages: z.literal(0),
  deadLetters: z.literal(0),
  healthStatus: z.literal("healthy"),
  lastKnownError: z.null(),
  etag: text,
});

export const webhookDocument = z.object({
  name: text,
  type: z.literal("webhook"),
  url: text,
  timeoutSeconds: z.int(),
  maxDeliveryCount: z.int(),
  maxBatchSize: z.int(),
  hasSecret: z.boolean(),
  waitingMessages: z.int(),
  deadLetters: z.int(),
  healthStatus: z.enum(["unknown", "healthy", "degraded", "unhealthy"]),
  lastKnownError: text.nullable(),
  lastKnownErrorTime: text.nullable(),
  lastSuccessfulSendAttemptTime: text.nullable(),
  lastSendAttemptTime: text.nullable(),
  etag: text,
});
export const endpointDocument = z.discriminatedUnion("type", [webhookDocument, logDocument]);
export const endpointAnswer = documentOf(endpointDocument);

export const deadLettersQuery = z.object({
  top: z.coerce.number().int().min(1).max(100).default(100).describe("At most this many"),
});

export const deadLetterDocument = z.object({
  id: text,
  reason: z.enum(["deliveryCountExceeded", "queueFull"]),
  error: text.nullable(),
  deliveryCount: z.int(),
  deadLetteredTime: text,
  enqueuedTime: text,
  source: text,
  deviceId: text,
  moduleId: text.optional(),
  generationId: text,
  authMethod: text,
  modelId: text,
  systemProperties: z.record(text, text),
  applicationProperties: z.record(text, text.nullable()),
  bodyEncoding: z.enum(["json", "text", "base64"]),
  body: z.unknown(),
});
export const deadLetterAnswer = documentOf(deadLetterDocument);

export const deadLetterParams = z.object({ name: z.string(), id: z.string() });

export const retryAnswer = z.object({ totalMessagesRetried: z.int() });
export const purgeAnswer = z.object({ totalMessagesPurged: z.int() });

export const enrichmentInput = z.object({
  key: optionalText.describe("If given, the one in the path"),
  value: text.describe(
    "Text, `$iothubname`, or a path below `$twin.tags`, `$twin.properties.desired` or `$twin.properties.reported`",
  ),
  endpointNames: names,
});

export const enrichmentDocument = z.object({
  key: text,
  value: text,
  endpointNames: z.array(text),
  etag: text,
});
export const enrichmentAnswer = documentOf(enrichmentDocument);

const texts = z.record(z.string(), z.string());

const testParts = {
  message: z
    .object({
      body: z.string().nullish(),
      appProperties: texts.nullish(),
      systemProperties: texts.nullish(),
    })
    .nullish(),
  twin: z
    .object({
      tags: userObject.nullish(),
      properties: z
        .object({ desired: userObject.nullish(), reported: userObject.nullish() })
        .nullish(),
    })
    .nullish(),
};

/** The bodies of Azure's testRoute and testAllRoutes. */
export const testRouteInput = z.object({
  route: z.object({ source: source.default("DeviceMessages"), condition: condition.nullish() }),
  ...testParts,
});
export const testAllRoutesInput = z.object({
  routingSource: source.default("DeviceMessages"),
  ...testParts,
});

const position = z.object({ line: z.int(), column: z.int() });

export const testRouteAnswer = z.object({
  result: z.enum(["true", "false", "undefined"]),
  details: z.object({
    compilationErrors: z.array(
      z.object({
        message: text,
        severity: z.literal("error"),
        location: z.object({ start: position, end: position }),
      }),
    ),
  }),
});

export const testAllRoutesAnswer = z.object({
  routes: z.array(z.object({ properties: z.object(routeFields) })),
});
