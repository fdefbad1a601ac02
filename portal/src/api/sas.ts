/** What a service connection string holds. */
export interface ServiceCredentials {
  readonly hostName: string;
  readonly policy: string;
  /** Base64. */
  readonly key: string;
}

/** Reads `HostName=…;SharedAccessKeyName=…;SharedAccessKey=…`; throws an `Error` that says what is missing. */
export function readConnectionString(text: string): ServiceCredentials {
  const fields = new Map<string, string>();
  for (const part of text.trim().split(";")) {
    const equals = part.indexOf("=");
    if (equals > 0) fields.set(part.slice(0, equals).trim().toLowerCase(), part.slice(equals + 1));
  }
  if (fields.has("deviceid")) {
    throw new Error("This is a device's connection string; the portal needs a service's");
  }
  const need = (name: string): string => {
    const value = fields.get(name.toLowerCase());
    if (value === undefined || value === "") throw new Error(`The text has no ${name}=`);
    return value;
  };
  return {
    hostName: need("HostName"),
    policy: need("SharedAccessKeyName"),
    key: need("SharedAccessKey"),
  };
}

/** Signs a token here, so that the key never leaves the browser. `lifetime` in seconds. */
export async function createToken(
  { hostName, policy, key }: ServiceCredentials,
  lifetime: number,
): Promise<string> {
  const resource = encode(hostName);
  const expiry = String(Math.floor(Date.now() / 1000) + lifetime);
  const secret = await crypto.subtle.importKey(
    "raw",
    bytesOf(key),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
  const text = new TextEncoder().encode(`${resource}\n${expiry}`);
  const signature = new Uint8Array(await crypto.subtle.sign("HMAC", secret, text));
  const base64 = btoa(String.fromCharCode(...signature));
  return `SharedAccessSignature sr=${resource}&sig=${encode(base64)}&se=${expiry}&skn=${encode(policy)}`;
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    throw new Error("The SharedAccessKey is not Base64");
  }
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
