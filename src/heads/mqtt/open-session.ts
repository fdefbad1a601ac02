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
  const { principal, session } = accepted.opened;
  const common: DeviceSession = {
    ...accepted,
    ...control,
    services,
    principal,
    subscriptions: session.subscriptions,
  };
  // The same object, so that both see the subscriptions change.
  return Object.assign(common, {
    deliveries: new Deliveries(common),
    methods: new MethodCalls(common),
  });
}
