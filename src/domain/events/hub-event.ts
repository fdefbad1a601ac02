import type { IdentityKey } from "../identity/key.ts";
import type { JsonObject } from "../json.ts";
import type { Milliseconds } from "../time.ts";
import type { Twin } from "../twin/twin.ts";

/** What a section's write changed, with the keys as written: removed ones are `null` (spec/semantics §4.8, §5.1). */
export interface SectionChange {
  readonly change: JsonObject;
  /** The section's new `$version`. */
  readonly version: number;
}

/** One commit of a twin: one event, whatever it wrote. */
export interface TwinChanged {
  readonly type: "twinChanged";
  readonly key: IdentityKey;
  readonly at: Milliseconds;
  readonly opType: "updateTwin" | "replaceTwin";
  readonly etagCounter: number;
  /** The twin's new `version`. */
  readonly version: number;
  readonly tags?: JsonObject | undefined;
  readonly desired?: SectionChange | undefined;
  readonly reported?: SectionChange | undefined;
  /** The whole new twin, for a replacement only. */
  readonly twin?: Twin | undefined;
}

export interface IdentityCreated {
  readonly type: "identityCreated";
  readonly key: IdentityKey;
  readonly at: Milliseconds;
  readonly generationId: string;
}

/** `credentials`: keys, thumbprints or the kind of authentication changed; `status`: enabled or disabled now. */
export interface IdentityUpdated {
  readonly type: "identityUpdated";
  readonly key: IdentityKey;
  readonly at: Milliseconds;
  readonly credentials: boolean;
  readonly status?: "enabled" | "disabled" | undefined;
}

export interface IdentityDeleted {
  readonly type: "identityDeleted";
  readonly key: IdentityKey;
  readonly at: Milliseconds;
  readonly generationId: string;
}

export interface ConnectionChanged {
  readonly type: "connectionChanged";
  readonly key: IdentityKey;
  readonly at: Milliseconds;
  readonly connected: boolean;
  readonly protocol: string;
  /** Why it ended; absent when it began. */
  readonly reason?: string | undefined;
}

/** A cloud-to-device message can be taken: it is new, or was given back. */
export interface MessageQueued {
  readonly type: "messageQueued";
  readonly key: IdentityKey;
  readonly at: Milliseconds;
}

/** A shared access policy was made, changed or deleted. */
export interface PolicyChanged {
  readonly type: "policyChanged";
  readonly name: string;
  readonly at: Milliseconds;
}

/** A verified CA of devices and modules was replaced or deleted. */
export interface AuthoritiesChanged {
  readonly type: "authoritiesChanged";
  readonly at: Milliseconds;
}

/** Routes, endpoints, enrichments or the fallback route were changed. */
export interface RoutingChanged {
  readonly type: "routingChanged";
  readonly at: Milliseconds;
}

/** A job was made, or has come to another stage of its life. */
export interface JobChanged {
  readonly type: "jobChanged";
  readonly at: Milliseconds;
  readonly jobId: string;
  readonly operation: "createJob" | "startJob" | "completeJob" | "failJob" | "cancelJob";
  /** The JobResponse of spec/rest §8.12 without what the job does to its targets. */
  readonly job: JsonObject;
}

/** What happened: the only thing that is persisted, routed, shown live and replayed. */
export type HubEvent =
  | TwinChanged
  | IdentityCreated
  | IdentityUpdated
  | IdentityDeleted
  | ConnectionChanged
  | MessageQueued
  | PolicyChanged
  | JobChanged
  | AuthoritiesChanged
  | RoutingChanged;
