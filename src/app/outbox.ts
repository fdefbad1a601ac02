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
      context.live.get(event.key)?.link.pushDesired(event.desired.change, event.desired.version);
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
