import type { IdentityKey } from "./key.ts";

/** A shared access signature as it stood on the wire; `wire/sas-token.ts` reads and writes the text. */
export interface SasToken {
  /** `sr` exactly as received: the signature covers this text (spec/semantics §7.1). */
  readonly rawResource: string;
  /** `se` exactly as received. */
  readonly rawExpiry: string;
  /** `se` in seconds since 1970. */
  readonly expiry: number;
  /** `sig`, decoded: Base64. */
  readonly signature: string;
  /** `skn`: the policy whose key signed; absent for an identity's own key. */
  readonly policy?: string | undefined;
}

/** A client certificate as TLS delivered it, leaf first, each in DER. */
export interface ClientCertificate {
  readonly chain: readonly Uint8Array[];
}

/** What a device or module shows when it connects. */
export type Credential =
  | { readonly kind: "sas"; readonly token: SasToken }
  | { readonly kind: "certificate"; readonly certificate: ClientCertificate }
  | { readonly kind: "nothing" };

/** How an identity was authenticated, as telemetry is stamped with it (spec/semantics §10). */
export interface AuthMethod {
  readonly scope: "hub" | "device" | "module";
  readonly type: "sas" | "symkey" | "x509";
}

export interface ConnectRequest {
  readonly key: IdentityKey;
  readonly credential: Credential;
}
