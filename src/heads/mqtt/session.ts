import type { OpenConnection } from "../../app/hub.ts";
import type { Subscription } from "../../app/ports.ts";
import type { IdentityPrincipal } from "../../app/principal.ts";
import type { Fault } from "../../domain/messages/fault.ts";
import type { NewMessage } from "../../domain/messages/telemetry.ts";
import type { Milliseconds } from "../../domain/time.ts";
import type { Deliveries } from "./deliveries.ts";
import type { MethodCalls } from "./method-calls.ts";
import type { TelemetryBurst } from "./operations/telemetry-burst.ts";
import type { Services } from "./services.ts";

/** What a CONNECT that was accepted says and got. */
export interface Accepted {
  readonly opened: OpenConnection;
  readonly clean: boolean;
  /** The longest silence before the connection ends. */
  readonly keepAlive: Milliseconds;
  /** When the connection ends with its token, or `Infinity`. */
  readonly expires: Milliseconds;
  /** Where the identity's telemetry goes, without its bag. */
  readonly ownTopic: string;
  readonly will: NewMessage | undefined;
}

/** An open connection as its operations see it. */
export interface DeviceSession extends Accepted {
  readonly services: Services;
  readonly principal: IdentityPrincipal;
  /** Active: stored ones from CONNACK on, new ones from their SUBACK on. */
  subscriptions: readonly Subscription[];
  /** Sends one packet at the end of the turn; nothing once the connection is ending. */
  write(packet: Buffer): void;
  /** Bytes that the client has not taken yet. */
  backlog(): number;
  /** Ends the connection because of `error`, where MQTT has no answer. */
  fail(error: unknown): void;
  /** Does to the connection what its client asks for, after the delay that it asks for. */
  inject(fault: Fault): void;
}

/** A connection with what the hub sends on its own account. */
export interface OpenSession extends DeviceSession {
  /** Telemetry of the read that is in progress. */
  readonly burst: TelemetryBurst;
  readonly deliveries: Deliveries;
  readonly methods: MethodCalls;
}
