import type { Subscription } from "../../../app/ports.ts";
import { argumentInvalid } from "../../../domain/errors.ts";
import { encodeSuback } from "../encode.ts";
import { withSubscriptions } from "../filters.ts";
import type { SubscribePacket } from "../packets.ts";
import type { DeviceSession, OpenSession } from "../session.ts";
import type { Answer } from "../work-queue.ts";
import { noAnswer } from "./acknowledge.ts";

/**
 * SUBACK after a persistent session's subscriptions are durable; they are active from then on. There is no
 * failure code: what cannot be stored ends the connection (spec/mqtt §10.2).
 */
export async function subscribe(session: OpenSession, packet: SubscribePacket): Promise<Answer> {
  try {
    const next = withSubscriptions(session.subscriptions, packet.subscriptions);
    const { filters } = session.services.limits;
    if (next.length > filters)
      throw argumentInvalid(`A session has at most ${filters} subscriptions`);
    await saveSubscriptions(session, next);
    return () => {
      session.subscriptions = next;
      const granted = packet.subscriptions.map(({ qos }) => qos);
      session.write(encodeSuback(packet.packetId, granted));
      session.methods.subscriptionsChanged();
      session.deliveries.subscribed(packet.subscriptions);
    };
  } catch (error) {
    session.fail(error);
    return noAnswer;
  }
}

/** Stores them if the session is persistent and they are not those that are stored already. */
export async function saveSubscriptions(
  { services, principal, clean, subscriptions }: DeviceSession,
  next: readonly Subscription[],
): Promise<void> {
  if (!clean && next !== subscriptions) await services.hub.connections.saveSession(principal, next);
}
