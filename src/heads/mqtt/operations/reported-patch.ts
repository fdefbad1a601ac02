import { isUtf8 } from "node:buffer";
import { argumentInvalid } from "../../../domain/errors.ts";
import type { JsonObject } from "../../../domain/json.ts";
import { parseTwinObject } from "../../../domain/twin/parse.ts";
import type { PublishPacket } from "../packets.ts";
import type { DeviceSession } from "../session.ts";
import { type InboundTopic, twinAnswerTopic } from "../topics.ts";
import type { Answer } from "../work-queue.ts";
import { acknowledge } from "./acknowledge.ts";
import { answerTwin, answerTwinFailure, logFailure } from "./twin-answer.ts";

/**
 * PATCH of the reported properties: 204 with the new `$version`, after the commit (spec/mqtt §7.2). Hot: one promise for
 * each patch, and no more.
 */
export function patchReported(
  session: DeviceSession,
  packet: PublishPacket,
  { rid, version }: Extract<InboundTopic, { kind: "reportedPatch" }>,
): Answer | Promise<Answer> {
  const puback = acknowledge(session, packet);
  const refused = (error: unknown): Answer => {
    return () => {
      puback();
      if (rid === undefined) logFailure(session, undefined, error);
      else answerTwinFailure(session, rid, error);
    };
  };
  try {
    const patch = readPatch(packet.payload);
    const expected = readVersion(version);
    const { twins } = session.services.hub;
    return twins.updateReported(session.principal, patch, expected).then((reported) => {
      return () => {
        puback();
        if (rid !== undefined) answerTwin(session, twinAnswerTopic(204, rid, reported), "");
      };
    }, refused);
  } catch (error) {
    return refused(error);
  }
}

function readPatch(payload: Buffer): JsonObject {
  if (!isUtf8(payload)) throw argumentInvalid("The reported properties are not UTF-8");
  return parseTwinObject(payload.toString());
}

function readVersion(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw argumentInvalid("$version is not a number");
  return Number(text);
}
