import type { Milliseconds } from "../time.ts";

/** How an identity proves itself (spec/semantics §2.3). Keys are Base64, thumbprints hexadecimal as given. */
export type Authentication =
  | { readonly type: "sas"; readonly primaryKey: string; readonly secondaryKey: string }
  | {
      readonly type: "selfSigned";
      readonly primaryThumbprint: string | null;
      readonly secondaryThumbprint: string | null;
    }
  | { readonly type: "certificateAuthority" }
  | { readonly type: "none" };

interface IdentityBase {
  readonly deviceId: string;
  /** New for every creation: tells a re-created identity from the deleted one. Decimal digits. */
  readonly generationId: string;
  /** Raised by every write of the identity; `etagOf` prints it. */
  readonly etagNumber: number;
  readonly authentication: Authentication;
}

export interface Device extends IdentityBase {
  readonly moduleId?: undefined;
  readonly status: "enabled" | "disabled";
  readonly statusReason: string | null;
  readonly statusUpdatedTime: Milliseconds;
  readonly iotEdge: boolean;
  /** An edge device's own scope, or the scope of a leaf's parent. */
  readonly deviceScope: string | null;
  readonly parentScopes: readonly string[];
}

export interface Module extends IdentityBase {
  readonly moduleId: string;
  readonly managedBy: string | null;
}

/** A device or a module; a module is not a second-class device: every use case takes either. */
export type Identity = Device | Module;

export function isModule(identity: Identity): identity is Module {
  return identity.moduleId !== undefined;
}

/** Who is connected and when it last spoke; apart from the identity, since it changes without a new etag. */
export interface Presence {
  readonly connected: boolean;
  readonly stateUpdatedTime: Milliseconds;
  readonly lastActivityTime: Milliseconds;
  /** Names the connection that made it so: the end of an older one changes nothing. */
  readonly connection?: string | undefined;
  /** How it is or was connected, for example `mqtt`. */
  readonly protocol?: string | undefined;
  /** Why the last connection ended. */
  readonly reason?: string | undefined;
}
