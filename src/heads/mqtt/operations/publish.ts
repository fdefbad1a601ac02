import type { PublishPacket } from "../packets.ts";
import type { OpenSession } from "../session.ts";
import { parseTopic } from "../topics.ts";
import type { WorkQueue } from "../work-queue.ts";
import { acknowledge } from "./acknowledge.ts";
import { getTwin } from "./get-twin.ts";
import { ReportedPatch } from "./reported-patch.ts";
import { sendTelemetry } from "./telemetry.ts";

/** PUBLISH: the topic says what is asked for. Throws for topics that the identity may not publish to. */
export function publish(
  session: OpenSession,
  work: WorkQueue,
  packet: PublishPacket,
  size: number,
): void {
  const topic = parseTopic(packet.topic, session.ownTopic);
  switch (topic.kind) {
    case "telemetry":
      return work.add("telemetry", size, () => sendTelemetry(session, packet, topic.bag));
    case "getTwin":
      return work.add("twinRead", size, () => getTwin(session, packet, topic.rid));
    case "reportedPatch":
      return work.enter(new ReportedPatch(session, work, packet, topic, size));
    case "methodResponse":
      session.methods.answered(topic.status, topic.rid, packet.payload);
      return work.add("telemetry", size, () => acknowledge(session, packet));
  }
}
