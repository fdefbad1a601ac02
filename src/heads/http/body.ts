import type { z } from "zod";
import { HubError, argumentInvalid } from "../../domain/errors.ts";

/** What fastify expects of a validator. */
export type Validated = { readonly value: unknown } | { readonly error: Error };

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The text of a body as the content parser left it. Refuses a missing or empty one with 400005, bad UTF-8 with 400006. */
export function bodyText(raw: unknown): string {
  if (!(raw instanceof Uint8Array) || raw.length === 0) {
    throw new HubError("ArgumentNull", "The request needs a body");
  }
  try {
    return utf8.decode(raw);
  } catch {
    throw new HubError("IotHubFormatError", "The body is not valid UTF-8");
  }
}

/** The bytes of a body, none if there is no body: what routes of messages take. */
export function bodyBytes(raw: unknown): Uint8Array {
  return raw instanceof Uint8Array ? raw : new Uint8Array();
}

/** Reads a JSON body by `schema`; what does not fit is 400006 with the path of the first misfit. */
export function readJson(schema: z.ZodType, raw: unknown): unknown {
  const result = schema.safeParse(parseJson(bodyText(raw)));
  if (result.success) return result.data;
  throw new HubError("IotHubFormatError", misfit(result.error));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new HubError("IotHubFormatError", "The body is not valid JSON");
  }
}

/**
 * Makes fastify's validators. Path and query go by their schemas (400004 if they don't fit), the body by `readBody`.
 * Header schemas are descriptions only: a validated copy would hide the other headers.
 */
export function validatorCompiler(
  readBody: (schema: z.ZodType, raw: unknown) => unknown,
): (route: { schema: unknown; httpPart?: string | undefined }) => (value: unknown) => Validated {
  return (route) => {
    const schema = route.schema as z.ZodType;
    switch (route.httpPart) {
      case "body":
        return validatorOf((raw) => readBody(schema, raw));
      case "headers":
        return (value) => ({ value });
      default:
        return validatorOf((value) => readParameters(schema, value));
    }
  };
}

function readParameters(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw argumentInvalid(misfit(result.error));
}

function misfit(error: z.ZodError): string {
  const issue = error.issues[0];
  const path = issue?.path.join(".") ?? "";
  return `${path === "" ? "The request" : `'${path}'`}: ${issue?.message ?? "does not fit"}`;
}

/** A reader as a validator: errors are returned, since a thrown one would be taken for a failure of the server. */
function validatorOf(read: (raw: unknown) => unknown): (raw: unknown) => Validated {
  return (raw) => {
    try {
      return { value: read(raw) };
    } catch (error) {
      if (error instanceof HubError) return { error };
      throw error;
    }
  };
}
