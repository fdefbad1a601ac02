import { HubError } from "../domain/errors.ts";
import type { SasToken } from "../domain/identity/credentials.ts";
import { signSas } from "../domain/identity/sas.ts";

/** Longest token text that is read, in characters. */
export const maxTokenLength = 4096;

const prefix = "SharedAccessSignature ";

/**
 * Reads `SharedAccessSignature sr=…&sig=…&se=…[&skn=…]`, fields in any order, names in any case (spec/semantics §7.1).
 * `sr` and `se` are kept as they stand, because the signature covers that text. A `+` in `sig` is a plus.
 * Throws IotHubUnauthorizedAccess if the text is malformed; the message never repeats it.
 */
export function parseSasToken(text: string): SasToken {
  if (text.length > maxTokenLength || !text.startsWith(prefix)) throw malformed();
  const fields = readFields(text.slice(prefix.length));
  const rawResource = fields.get("sr");
  const rawExpiry = fields.get("se");
  const signature = decode(fields.get("sig"));
  if (!rawResource || !rawExpiry || !signature) throw malformed();
  const expiry = readExpiry(decode(rawExpiry));
  const policy = decode(fields.get("skn"));
  const token = { rawResource, rawExpiry, expiry, signature };
  return policy ? { ...token, policy } : token;
}

/**
 * Writes a token as the Python SDK does. `resource` is not encoded yet, for example
 * `hub.example.com/devices/d1/modules/m1`; `key` is Base64; `expiry` is in seconds since 1970.
 */
export function createSasToken(options: {
  readonly resource: string;
  readonly key: string;
  readonly expiry: number;
  readonly policy?: string | undefined;
}): string {
  const resource = encode(options.resource);
  const expiry = String(options.expiry);
  const signature = encode(signSas(resource, expiry, options.key));
  const token = `${prefix}sr=${resource}&sig=${signature}&se=${expiry}`;
  return options.policy === undefined ? token : `${token}&skn=${encode(options.policy)}`;
}

function readFields(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const field of text.split("&")) {
    const equals = field.indexOf("=");
    const name = field.slice(0, equals).toLowerCase();
    if (equals < 1 || fields.has(name)) throw malformed();
    fields.set(name, field.slice(equals + 1));
  }
  return fields;
}

function readExpiry(text: string): number {
  if (!/^\d{1,15}(?:\.\d{1,15})?$/.test(text)) throw malformed();
  return Number(text);
}

function decode(text: string | undefined): string {
  try {
    return decodeURIComponent(text ?? "");
  } catch {
    throw malformed();
  }
}

/** Percent-encoding with upper-case escapes of all but letters, digits and `_ . - ~`. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function malformed(): HubError {
  return new HubError(
    "IotHubUnauthorizedAccess",
    "malformed: a token reads 'SharedAccessSignature sr={resource}&sig={signature}&se={expiry}' with '&skn={policy}' for a policy",
  );
}
