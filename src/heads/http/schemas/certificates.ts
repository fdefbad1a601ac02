import { z } from "zod";
import { documentOf } from "./shared.ts";

const given = {
  certificate: z.string().describe("PEM, or Base64 of PEM or DER"),
  isVerified: z.boolean().nullish().describe("the owner vouches for the CA; false if missing"),
};

/** A CA: plain, or below `properties` as Azure's management API has it. */
export const certificateInput = z.union([
  z.object({ properties: z.object(given) }).transform(({ properties }) => properties),
  z.object(given),
]);

export const proofInput = z.object({
  certificate: given.certificate.describe(
    "signed by the CA, with the verification code as its common name",
  ),
});

export const certificateParams = z.object({ name: z.string() });

export const certificateDocument = z.object({
  name: z.string(),
  etag: z.string(),
  properties: z.object({
    subject: z.string(),
    expiry: z.string(),
    thumbprint: z.string(),
    isVerified: z.boolean(),
    created: z.string(),
    updated: z.string(),
    certificate: z.string(),
    verificationCode: z.string().optional(),
  }),
});

export const certificateAnswer = documentOf(certificateDocument);
