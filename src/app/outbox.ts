import type { HubEvent } from "../domain/events/hub-event.ts";
import { kindOf } from "../domain/identity/key.ts";
import { closeConnections } from "./connections/close-connections.ts";
import type { HubContext } from "./context.ts";
import type { CommittedEvent } from "./ports.ts";

/** Committed events → the live connections they concern, in commit order, and the routes. */
export function startOutbox(context: HubContext): void {
  context.store.onCommitted((events) => {
    for (const committed of events) {
      try {
        deliver(context, committed);
      } catch (error) {
        context.log.error(
          { err: error, sequence: committed.sequence },
          "a committed event could not be delivered",
        );
      }
    }
    context.router.eventsCommitted();
    context.configurations.eventsCommitted(events);
    context.committed.tell(undefined);
  });
}

function deliver(context: HubContext, { event }: CommittedEvent): void {
  if (event.type === "twinChanged") {
    if (event.desired !== undefined) {
      const live = context.live.get(event.key);
      if (live === undefined) return;
      live.link.pushDesired(event.desired.change, event.desired.version);
      countPush(context, live.link.protocol, event);
    }
    return;
  }
  if (event.type === "messageQueued") {
    context.live.get(event.key)?.link.messagesWaiting();
    return;
  }
  if (event.type === "policyChanged") context.policyChanged(event.name);
  if (event.type === "routingChanged") {
    context.router
      .reload()
      .catch((error: unknown) =>
        context.log.error({ err: error }, "changed routes could not be read"),
      );
  }
  closeConnections(context, event);
}

function countPush(
  { clock, meter }: HubContext,
  protocol: string,
  { key, at }: Extract<HubEvent, { type: "twinChanged" }>,
): void {
  meter.counter("twinhub_desired_pushes_total", { protocol, kind: kindOf(key) }).add(1);
  const delay = Math.max(0, clock.now() - at) / 1000;
  meter.histogram("twinhub_desired_push_delay_seconds").record(delay);
}
