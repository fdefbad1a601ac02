import type { Subscription } from "../../app/ports.ts";

/** True for a topic filter as MQTT 3.1.1 §4.7 allows it: `#` alone in the last level, `+` alone in its level. */
export function isFilter(text: string): boolean {
  if (text === "") return false;
  if (!text.includes("#") && !text.includes("+")) return true;
  const levels = text.split("/");
  return levels.every(
    (level, index) =>
      level === "+" ||
      (level === "#" && index === levels.length - 1) || // [MQTT-4.7.1-2]
      (!level.includes("+") && !level.includes("#")), // [MQTT-4.7.1-3]
  );
}

/** True if `filter` selects `topic`. A leading wild card does not select `$…` [MQTT-4.7.2-1]. */
export function selects(filter: string, topic: string): boolean {
  if (topic.startsWith("$") && (filter.startsWith("#") || filter.startsWith("+"))) return false;
  if (isPrefix(filter)) return isBelow(filter, topic);
  let filterAt = 0;
  let topicAt = 0;
  for (;;) {
    const filterEnd = levelEnd(filter, filterAt);
    const topicEnd = levelEnd(topic, topicAt);
    const level = filter.slice(filterAt, filterEnd);
    if (level === "#") return true;
    if (level !== "+" && level !== topic.slice(topicAt, topicEnd)) return false;
    if (filterEnd === filter.length) return topicEnd === topic.length;
    // `a/#` selects `a` as well.
    if (topicEnd === topic.length) return filter.slice(filterEnd) === "/#";
    filterAt = filterEnd + 1;
    topicAt = topicEnd + 1;
  }
}

/** `a/b/#`: whatever begins as it does. */
function isPrefix(filter: string): boolean {
  return filter.endsWith("/#") && !filter.includes("+");
}

/** `a/#` selects `a` as well. */
function isBelow(filter: string, topic: string): boolean {
  const length = filter.length - 2;
  if (!topic.startsWith(filter.slice(0, length))) return false;
  return topic.length === length || topic[length] === "/";
}

function levelEnd(text: string, from: number): number {
  const slash = text.indexOf("/", from);
  return slash < 0 ? text.length : slash;
}

/** True if one of the subscriptions selects `topic`. */
export function isSubscribed(subscriptions: readonly Subscription[], topic: string): boolean {
  return subscriptions.some(({ filter }) => selects(filter, topic));
}

/** The highest QoS that one of the subscriptions grants `topic`; undefined if none selects it. */
export function grantedQos(
  subscriptions: readonly Subscription[],
  topic: string,
): 0 | 1 | undefined {
  let granted: 0 | 1 | undefined;
  for (const { filter, qos } of subscriptions)
    if ((granted ?? -1) < qos && selects(filter, topic)) granted = qos;
  return granted;
}

/** `current` with `added`: an equal filter is replaced [MQTT-3.8.4-3]. The same array if nothing changes. */
export function withSubscriptions(
  current: readonly Subscription[],
  added: readonly Subscription[],
): readonly Subscription[] {
  const merged = new Map(current.map((subscription) => [subscription.filter, subscription]));
  let changed = false;
  for (const subscription of added) {
    changed ||= merged.get(subscription.filter)?.qos !== subscription.qos;
    merged.set(subscription.filter, subscription);
  }
  return changed ? [...merged.values()] : current;
}

/** `current` without `filters`, compared character by character [MQTT-3.10.4-1]. The same array if nothing changes. */
export function withoutFilters(
  current: readonly Subscription[],
  filters: readonly string[],
): readonly Subscription[] {
  const left = current.filter(({ filter }) => !filters.includes(filter));
  return left.length === current.length ? current : left;
}
