import type { InboundTopic } from "../topics.ts";
import type { DeviceSession } from "../session.ts";

/**
 * A device answers a method call. Answers to calls that are unknown, over or of an earlier connection are ignored
 * (spec/mqtt §5.2); this head makes no calls yet, so every answer is one of those.
 */
export function receiveMethodResponse(
  { services, principal }: DeviceSession,
  topic: Extract<InboundTopic, { kind: "methodResponse" }>,
  payload: Uint8Array,
): void {
  services.log.debug(
    { ...principal.key, status: topic.status, bytes: payload.length },
    "a method response to no open call was ignored",
  );
}
