import { timeText } from "../../../domain/time.ts";
import { encodePublish } from "../encode.ts";
import { meaningOf, toHubError } from "../errors.ts";
import { isSubscribed } from "../filters.ts";
import { HubError } from "../../../domain/errors.ts";
import type { DeviceSession } from "../session.ts";
import { twinAnswerTopic } from "../topics.ts";

/** Answers a twin request with QoS 0; nobody is subscribed: the answer is dropped (spec/mqtt §7). */
export function answerTwin(session: DeviceSession, topic: string, body: string): void {
  if (isSubscribed(session.subscriptions, topic)) session.write(encodePublish(topic, body));
}

/** Answers a failed request; the body is never empty, because some SDKs read it and not the status (spec/mqtt §7.3). */
export function answerTwinFailure(session: DeviceSession, rid: string, error: unknown): void {
  const { trackingIds, clock } = session.services;
  const trackingId = trackingIds.next();
  logFailure(session, trackingId, error);
  const { number, message } = toHubError(error);
  const body = JSON.stringify({
    errorCode: number,
    trackingId,
    message,
    timestampUtc: timeText(clock.now()),
  });
  answerTwin(session, twinAnswerTopic(meaningOf(error).twinStatus, rid), body);
}

/** A refusal is the client's affair; everything else is a bug and keeps its stack. */
export function logFailure(
  { services, principal }: DeviceSession,
  trackingId: string | undefined,
  error: unknown,
): void {
  const fields = { ...principal.key, trackingId };
  if (error instanceof HubError)
    services.log.debug({ ...fields, error: error.name, detail: error.message }, "request refused");
  else services.log.error({ ...fields, err: error }, "request failed");
}
