import type { IdentityKey } from "../identity/key.ts";
import type { Milliseconds } from "../time.ts";

/** System properties that a client may set (spec/semantics §10, spec/mqtt §5.5). */
export interface MessageProperties {
  readonly messageId?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly userId?: string | undefined;
  readonly to?: string | undefined;
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly creationTimeUtc?: string | undefined;
  readonly expiryTimeUtc?: string | undefined;
  readonly outputName?: string | undefined;
  readonly interfaceId?: string | undefined;
  readonly component?: string | undefined;
  readonly schema?: string | undefined;
}

/** A device-to-cloud message as a head has read it. A property without a value is `null`. */
export interface NewMessage {
  readonly body: Uint8Array;
  readonly system: MessageProperties;
  readonly application: ReadonlyMap<string, string | null>;
}

/** A message as the event log keeps it: what the client said and what the hub stamped on it. */
export interface EventMessage {
  /** Whom it comes from or is about; the device id is empty for messages about jobs. */
  readonly key: IdentityKey;
  readonly body: Uint8Array;
  readonly system: MessageProperties;
  readonly application: readonly (readonly [string, string | null])[];
  readonly source:
    | "Telemetry"
    | "twinChangeEvents"
    | "deviceLifecycleEvents"
    | "deviceConnectionStateEvents"
    | "deviceJobLifecycleEvents";
  readonly enqueuedTime: Milliseconds;
  readonly generationId: string;
  /** JSON text (spec/semantics §10), or "" for events of the hub itself. */
  readonly authMethod: string;
  readonly modelId: string;
}
