import { z } from "zod";
import { argumentInvalid } from "../../../domain/errors.ts";
import { maxTelemetrySize } from "../../../domain/messages/size.ts";
import type { NewMessage } from "../../../domain/messages/telemetry.ts";
import { readMessageHeaders } from "../message-headers.ts";

/** A message's body: any bytes. For the description only; routes take the bytes as they come. */
export const messageBody = z.string().meta({ format: "binary" });

/** Properties as headers; for the description only. */
export const messageHeadersInput = z.object({
  "iothub-messageid": z.string().optional(),
  "iothub-correlationid": z.string().optional(),
  "iothub-userid": z.string().optional(),
  "iothub-contenttype": z.string().optional(),
  "iothub-contentencoding": z.string().optional(),
  "iothub-creationtimeutc": z.string().optional(),
  "iothub-app-{name}": z.string().optional().describe("an application property"),
});

export const cloudToDeviceHeaders = messageHeadersInput.extend({
  "iothub-ack": z.enum(["none", "positive", "negative", "full"]).optional(),
  "iothub-expiry": z.string().optional().describe("a time such as 2026-05-01T10:00:00Z"),
});

/** The media type of a batch. */
export const batchType = "application/vnd.microsoft.iothub.json";

/** Messages of a batch at the most (spec/semantics §10). */
const maxBatch = 500;

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);

export const batchInput = z.array(
  z.object({
    body: z.string(),
    base64Encoded: z.boolean().nullish().describe("true if missing"),
    properties: z.record(z.string(), scalar).nullish().describe("named as the headers are"),
  }),
);

/** The messages of a batch, each to be stored on its own. Refuses an empty one and more than 500. */
export function batchMessages(batch: z.output<typeof batchInput>): NewMessage[] {
  if (batch.length === 0 || batch.length > maxBatch)
    throw argumentInvalid(`A batch has 1 to ${maxBatch} messages, not ${batch.length}`);
  return batch.map(({ body, base64Encoded, properties }) => {
    const pairs = Object.entries(properties ?? {}).map(
      ([name, value]) => [name, value === null ? "" : String(value)] as const,
    );
    const { system, application } = readMessageHeaders(pairs);
    return { body: bodyOf(body, base64Encoded ?? true), system, application };
  });
}

function bodyOf(text: string, base64Encoded: boolean): Uint8Array {
  if (!base64Encoded) return Buffer.from(text, "utf8");
  if (text.length <= maxTelemetrySize * 2 && /^[A-Za-z0-9+/]*={0,2}$/.test(text))
    return Buffer.from(text, "base64");
  throw argumentInvalid("A body of the batch is not Base64; say so with base64Encoded false");
}

export const lockParams = z.object({ deviceId: z.string(), lockToken: z.string() });
export const feedbackLockParams = z.object({ lockToken: z.string() });

export const settleQuery = z.object({
  "api-version": z.string(),
  reject: z.string().optional().describe("its presence rejects instead of completing"),
});

export const purgeAnswer = z.object({
  totalMessagesPurged: z.int(),
  deviceId: z.string(),
  moduleId: z.null(),
});

export const feedbackAnswer = z.array(
  z.object({
    originalMessageId: z.string(),
    description: z.string(),
    deviceGenerationId: z.string(),
    deviceId: z.string(),
    enqueuedTimeUtc: z.string(),
    statusCode: z.enum(["Success", "Expired", "DeliveryCountExceeded", "Rejected", "Purged"]),
  }),
);
