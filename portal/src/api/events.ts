import { useCallback, useRef, useState } from "react";
import type { Json } from "../lib/json.ts";
import { type StreamState, useStream } from "./stream.ts";

/** A message of the event log. */
export interface HubMessage {
  readonly partition: number;
  readonly sequenceNumber: number;
  readonly enqueuedTime: string;
  readonly source: string;
  readonly deviceId: string;
  readonly moduleId?: string;
  readonly systemProperties: Readonly<Record<string, string>>;
  readonly applicationProperties: Readonly<Record<string, string>>;
  readonly bodyEncoding: "json" | "text" | "base64";
  readonly body: Json;
}

/** The body as text; JSON on one line. */
export function bodyText({ body }: HubMessage): string {
  return typeof body === "string" ? body : JSON.stringify(body);
}

export interface EventFilter {
  readonly deviceId?: string | undefined;
  readonly moduleId?: string | undefined;
  readonly source?: string | undefined;
  /** `latest`, `earliest` or a time. */
  readonly from?: string | undefined;
}

/** Messages that are kept for showing; older ones are dropped. */
export const keptMessages = 1_000;

/** How often arrived messages are shown, in milliseconds: a burst costs one rendering. */
const showInterval = 100;

export interface LiveEvents {
  /** Newest first. */
  readonly messages: readonly HubMessage[];
  /** How many have come since the stream was opened. */
  readonly total: number;
  readonly state: StreamState;
  readonly clear: () => void;
}

/** The newest messages of the hub, live. With `paused`, nothing is read. */
export function useEvents(filter: EventFilter, paused = false): LiveEvents {
  const [shown, setShown] = useState<{ messages: readonly HubMessage[]; total: number }>({
    messages: [],
    total: 0,
  });
  const arrived = useRef<HubMessage[]>([]);
  const timer = useRef<number | undefined>(undefined);

  const show = useCallback(() => {
    timer.current = undefined;
    const fresh = arrived.current.splice(0).toReversed();
    setShown(({ messages, total }) => ({
      messages: [...fresh, ...messages].slice(0, keptMessages),
      total: total + fresh.length,
    }));
  }, []);

  const state = useStream({
    url: paused ? null : eventsUrl(filter),
    onMessage(data) {
      arrived.current.push(JSON.parse(data) as HubMessage);
      if (arrived.current.length > keptMessages) arrived.current.shift();
      timer.current ??= window.setTimeout(show, showInterval);
    },
  });
  const clear = useCallback(() => setShown({ messages: [], total: 0 }), []);
  return { ...shown, state, clear };
}

function eventsUrl({ deviceId, moduleId, source, from }: EventFilter): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ deviceId, moduleId, source, from }))
    if (value !== undefined && value !== "") query.set(name, value);
  return `/$hub/events?${query.toString()}`;
}
