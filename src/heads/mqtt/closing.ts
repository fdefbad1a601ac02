import type { CloseReason } from "../../app/ports.ts";

/** How a connection ends for one reason (spec/mqtt §2.6, §4.2, §4.3). */
export interface Closing {
  /** The will is published. */
  readonly will: boolean;
  /** Requests accepted before are finished and answered first, for a bounded time. */
  readonly drain: boolean;
  /** The stream is destroyed at once: the peer takes nothing any more. */
  readonly abort: boolean;
}

const atOnce: Closing = { will: true, drain: false, abort: false };
const afterwards: Closing = { will: true, drain: true, abort: false };

export const closings: Record<CloseReason, Closing> = {
  newerConnection: atOnce,
  clientDisconnected: { will: false, drain: true, abort: false }, // [MQTT-3.14.4-3]
  networkLost: afterwards,
  keepAliveExpired: atOnce,
  tokenExpired: afterwards,
  identityDisabled: afterwards,
  identityDeleted: { will: false, drain: false, abort: false },
  credentialsChanged: { will: false, drain: false, abort: false },
  protocolError: atOnce, // [MQTT-4.8.0-1]
  messageTooLarge: atOnce,
  slowReader: { will: true, drain: false, abort: true },
  faultInjection: atOnce,
  hubStopping: { will: false, drain: true, abort: false },
  hubError: atOnce,
};
