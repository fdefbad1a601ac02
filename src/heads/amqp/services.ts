import type { HubApi } from "../../app/hub.ts";
import type { Clock, Log, Random } from "../../app/ports.ts";
import type { FailedLogins } from "../../app/strangers/failed-logins.ts";
import type { PartitionReaders } from "./event-hubs/readers.ts";
import type { AmqpLimits } from "./limits.ts";
import type { TrackingIds } from "./tracking-ids.ts";

/** What all connections of the head share. */
export interface Services {
  readonly hub: HubApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits: AmqpLimits;
  readonly trackingIds: TrackingIds;
  readonly failedLogins: FailedLogins;
  /** Who reads events where. */
  readonly readers: PartitionReaders;
  /** Clients may ask for faults by message (spec/amqp §15). */
  readonly faultInjection: boolean;
  /** The port at which clients reach this head: redirects name it. */
  readonly port: () => number;
}
