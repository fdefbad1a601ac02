import type { OpenConnection } from "../../app/hub.ts";
import type { Subscription } from "../../app/ports.ts";
import type { IdentityPrincipal } from "../../app/principal.ts";
import type { NewMessage } from "../../domain/messages/telemetry.ts";
import { Deliveries } from "./deliveries.ts";
import { MethodCalls } from "./method-calls.ts";
import { TelemetryBurst } from "./operations/telemetry-burst.ts";
import type { Services } from "./services.ts";
import type { Accepted, DeviceSession, OpenSession } from "./session.ts";
import type { WorkQueue } from "./work-queue.ts";

/** What a session may do with its connection. */
export type SessionControl = Pick<DeviceSession, "write" | "backlog" | "fail" | "inject">;

/** The session of a CONNECT that was accepted. */
export function openSession(
  services: Services,
  accepted: Accepted,
  control: SessionControl,
  work: WorkQueue,
): OpenSession {
  return new Session(services, accepted, control, work);
}

/** Each member by name: every connection makes one, and objects that are put together by spreading cost 20 µs. */
class Session implements OpenSession {
  readonly services: Services;
  readonly opened: OpenConnection;
  readonly clean: boolean;
  readonly keepAlive: number;
  readonly expires: number;
  readonly ownTopic: string;
  readonly will: NewMessage | undefined;
  readonly principal: IdentityPrincipal;
  subscriptions: readonly Subscription[];
  readonly write: SessionControl["write"];
  readonly backlog: SessionControl["backlog"];
  readonly fail: SessionControl["fail"];
  readonly inject: SessionControl["inject"];
  readonly burst: TelemetryBurst;
  readonly deliveries: Deliveries;
  readonly methods: MethodCalls;

  constructor(services: Services, accepted: Accepted, control: SessionControl, work: WorkQueue) {
    const { opened } = accepted;
    this.services = services;
    this.opened = opened;
    this.clean = accepted.clean;
    this.keepAlive = accepted.keepAlive;
    this.expires = accepted.expires;
    this.ownTopic = accepted.ownTopic;
    this.will = accepted.will;
    this.principal = opened.principal;
    this.subscriptions = opened.session.subscriptions;
    this.write = control.write;
    this.backlog = control.backlog;
    this.fail = control.fail;
    this.inject = control.inject;
    this.burst = new TelemetryBurst(this, work);
    this.deliveries = new Deliveries(this);
    this.methods = new MethodCalls(this);
  }
}
