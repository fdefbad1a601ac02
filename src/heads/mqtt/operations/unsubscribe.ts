import { encodeUnsuback } from "../encode.ts";
import { withoutFilters } from "../filters.ts";
import type { UnsubscribePacket } from "../packets.ts";
import type { OpenSession } from "../session.ts";
import type { Answer } from "../work-queue.ts";
import { noAnswer } from "./acknowledge.ts";
import { saveSubscriptions } from "./subscribe.ts";

/** UNSUBACK always, also for filters that nobody knows; delivery has stopped by then (spec/mqtt §10.2). */
export async function unsubscribe(
  session: OpenSession,
  packet: UnsubscribePacket,
): Promise<Answer> {
  try {
    const next = withoutFilters(session.subscriptions, packet.filters);
    await saveSubscriptions(session, next);
    return () => {
      session.subscriptions = next;
      session.methods.subscriptionsChanged();
      session.write(encodeUnsuback(packet.packetId));
    };
  } catch (error) {
    session.fail(error);
    return noAnswer;
  }
}
