import type { FastifyDynamicSwaggerOptions } from "@fastify/swagger";

/** What the published description says beside the routes. */
export const openApiDocument = {
  openapi: "3.1.0",
  info: {
    title: "twinhub",
    description:
      "The service API of Azure IoT Hub as twinhub offers it: device and module identities, twins, and a few routes of its own below /$hub.",
    version: "2021-04-12",
  },
  components: {
    securitySchemes: {
      sharedAccessSignature: {
        type: "apiKey",
        in: "header",
        name: "Authorization",
        description: "SharedAccessSignature sr={host}&sig={signature}&se={expiry}&skn={policy}",
      },
    },
  },
  security: [{ sharedAccessSignature: [] }],
} satisfies FastifyDynamicSwaggerOptions["openapi"];
