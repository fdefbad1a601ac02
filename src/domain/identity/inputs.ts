import type { JsonObject } from "../json.ts";

/** What callers may say about authentication; SDKs send all members, often with nulls (spec/semantics §2.3). */
export interface AuthenticationInput {
  readonly type?: string | null | undefined;
  readonly symmetricKey?:
    | {
        readonly primaryKey?: string | null | undefined;
        readonly secondaryKey?: string | null | undefined;
      }
    | null
    | undefined;
  readonly x509Thumbprint?:
    | {
        readonly primaryThumbprint?: string | null | undefined;
        readonly secondaryThumbprint?: string | null | undefined;
      }
    | null
    | undefined;
}

/** The body of a device's PUT; read-only members have been left out by the head. */
export interface DeviceInput {
  readonly deviceId?: string | null | undefined;
  readonly status?: string | null | undefined;
  readonly statusReason?: string | null | undefined;
  readonly authentication?: AuthenticationInput | null | undefined;
  readonly capabilities?: { readonly iotEdge?: boolean | null | undefined } | null | undefined;
  readonly deviceScope?: string | null | undefined;
  readonly parentScopes?: readonly string[] | null | undefined;
}

/** The body of a module's PUT. */
export interface ModuleInput {
  readonly deviceId?: string | null | undefined;
  readonly moduleId?: string | null | undefined;
  readonly managedBy?: string | null | undefined;
  readonly authentication?: AuthenticationInput | null | undefined;
}

/** The modes of bulk operations, lower case (spec/rest §8.3). */
export const importModes = [
  "create",
  "createorupdate",
  "createorupdateifmatchetag",
  "update",
  "updateifmatchetag",
  "delete",
  "deleteifmatchetag",
  "updatetwin",
  "updatetwinifmatchetag",
] as const;

export type ImportMode = (typeof importModes)[number];

/** One entry of a bulk call. */
export interface BulkEntry extends Omit<DeviceInput, "deviceId"> {
  readonly id: string;
  readonly moduleId?: string | null | undefined;
  readonly importMode: ImportMode;
  readonly eTag?: string | null | undefined;
  readonly twinETag?: string | null | undefined;
  readonly managedBy?: string | null | undefined;
  readonly tags?: JsonObject | null | undefined;
  readonly desired?: JsonObject | null | undefined;
  readonly reported?: JsonObject | null | undefined;
  /** `$metadata` of the sections that an import brings along. */
  readonly metadata?: SectionsMetadata | undefined;
}

export interface SectionsMetadata {
  readonly desired: JsonObject;
  readonly reported: JsonObject;
}

export interface BulkError {
  readonly deviceId: string;
  readonly moduleId?: string | undefined;
  readonly errorCode: number;
  readonly errorStatus: string;
  readonly operation: string;
}

export interface BulkWarning {
  readonly deviceId: string;
  readonly warningCode: string;
  readonly warningStatus: string;
}

export interface BulkResult {
  readonly isSuccessful: boolean;
  readonly errors: readonly BulkError[];
  readonly warnings: readonly BulkWarning[];
}
