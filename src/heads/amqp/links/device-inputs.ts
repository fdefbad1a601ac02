import { joinIdentity } from "./identity.ts";
import type { Attach, LinkContext, OutboundLink } from "./link.ts";

/** L3: a module's inputs. Only a gateway would send anything: the link is granted and stays silent (spec/amqp §10). */
export async function openInputs(context: LinkContext, attach: Attach): Promise<OutboundLink> {
  const identity = await joinIdentity(context, attach);
  return { direction: "outbound", roomChanged() {}, ended: identity.leave };
}
