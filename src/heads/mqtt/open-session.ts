import type { OpenConnection } from "../../app/hub.ts";
import type { Subscription } from "../../app/ports.ts";
import type { IdentityPrincipal } from "../../app/principal.ts";
import type { NewMessage } from "../../domain/messages/telemetry.ts";
import { Deliveries } from "./deliveries.ts";
import { MethodCalls } from "./method-calls.ts";
import type { Services } from "./services.ts";
import type { Accepted, DeviceSession, OpenSession } from "./session.ts";

/** What a session may do with its connection. */
export type SessionControl = Pick<DeviceSession, "write" | "backlog" | "fail" | "inject">;

/** The session of a CONNECT that was accepted. */
export function openSession(
  services: Services,
  accepted: Accepted,
  control: SessionControl,
): OpenSession {
  return new Session(services, accepted, control);
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
  readonly deliveries: Deliveries;
  readonly methods: MethodCalls;

  constructor(services: Services, accepted: Accepted, control: SessionControl) {
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
    this.deliveries = new Deliveries(this);
    this.methods = new MethodCalls(this);
  }
}
