import type { JsonObject } from "../../../domain/json.ts";
import { encodePublish } from "../encode.ts";
import { isSubscribed } from "../filters.ts";
import type { DeviceSession } from "../session.ts";
import { desiredTopic } from "../topics.ts";

/** Tells a subscribed client of a desired change, with QoS 0 and `$version` in topic and body (spec/mqtt §7.4). */
export function pushDesired(session: DeviceSession, change: JsonObject, version: number): void {
  const topic = desiredTopic(version);
  if (!isSubscribed(session.subscriptions, topic)) return;
  session.write(encodePublish(topic, JSON.stringify({ ...change, $version: version })));
}
