import type { PublishPacket } from "../packets.ts";
import type { DeviceSession } from "../session.ts";
import { twinAnswerTopic } from "../topics.ts";
import type { Answer } from "../work-queue.ts";
import { acknowledge } from "./acknowledge.ts";
import { answerTwin, answerTwinFailure } from "./twin-answer.ts";

/** GET of the identity's own twin; the request's body means nothing (spec/mqtt §7.1). */
export async function getTwin(
  session: DeviceSession,
  packet: PublishPacket,
  rid: string,
): Promise<Answer> {
  const puback = acknowledge(session, packet);
  try {
    const twin = await session.services.hub.twins.ownTwin(session.principal);
    return () => {
      puback();
      answerTwin(session, twinAnswerTopic(200, rid), twin);
    };
  } catch (error) {
    return () => {
      puback();
      answerTwinFailure(session, rid, error);
    };
  }
}
