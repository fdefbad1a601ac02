import type { HubApi } from "../../app/hub.ts";
import type { Clock, Log } from "../../app/ports.ts";
import type { FailedLogins } from "../../app/strangers/failed-logins.ts";
import type { MqttLimits } from "./limits.ts";
import type { FlushTurn } from "./output.ts";
import type { TrackingIds } from "./tracking-ids.ts";

/** What all connections of the head share. */
export interface Services {
  readonly hub: HubApi;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: MqttLimits;
  /** Clients may ask for faults by message (spec/mqtt §14). */
  readonly faultInjection: boolean;
  readonly turn: FlushTurn;
  readonly failedLogins: FailedLogins;
  readonly trackingIds: TrackingIds;
}
