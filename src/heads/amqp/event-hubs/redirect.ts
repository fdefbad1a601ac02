import type { Attach, LinkContext, OpenLink } from "../links/link.ts";
import { withService } from "../links/service-caller.ts";
import { redirect } from "./entity.ts";

/** `messages/events/…` of the hub: never opens, names the place instead (spec/amqp §13.2). */
export async function openEventsRedirect(context: LinkContext, attach: Attach): Promise<OpenLink> {
  const { address } = attach;
  const rest = address.kind === "eventsRedirect" ? address.rest : "";
  return withService(context, "/messages/events", () => {
    throw redirect(context.services, rest);
  });
}
