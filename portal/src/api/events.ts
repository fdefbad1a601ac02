import { useCallback, useEffect, useRef, useState } from "react";
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

/** Messages that are kept for showing, the newest ones; all others are counted only. */
export const keptMessages = 200;

/** Messages a second that the hub sends at the most; it says how many it has left out. */
export const messageRate = 1_000;

/** How often arrived messages are shown, in milliseconds: a burst costs one rendering. */
const showInterval = 100;

export interface LiveEvents {
  /** Newest first. */
  readonly messages: readonly HubMessage[];
  /** How many have come since the stream was opened or cleared, those that were left out among them. */
  readonly total: number;
  /** How many the hub has left out because there were too many. */
  readonly leftOut: number;
  /** How many have come since it was paused; they are shown, the newest of them, when it goes on. */
  readonly waiting: number;
  readonly state: StreamState;
  readonly clear: () => void;
}

/** Messages as text: most of a burst is never shown, so never parsed. */
interface Arrived {
  texts: string[];
  count: number;
  leftOut: number;
}

const nothing = { messages: [] as readonly HubMessage[], total: 0, leftOut: 0, waiting: 0 };

/** The newest messages of the hub, live. With `paused` they are counted, and shown later. */
export function useEvents(filter: EventFilter, paused = false): LiveEvents {
  const [shown, setShown] = useState(nothing);
  const arrived = useRef<Arrived>({ texts: [], count: 0, leftOut: 0 });
  const timer = useRef<number | undefined>(undefined);

  const show = useCallback(() => {
    timer.current = undefined;
    const { texts, count, leftOut } = arrived.current;
    if (paused) {
      setShown((before) => ({ ...before, waiting: count }));
      return;
    }
    arrived.current = { texts: [], count: 0, leftOut: 0 };
    const fresh = texts.slice(-keptMessages).map((text) => JSON.parse(text) as HubMessage);
    setShown((before) => ({
      messages: [...fresh.toReversed(), ...before.messages].slice(0, keptMessages),
      total: before.total + count,
      leftOut: before.leftOut + leftOut,
      waiting: 0,
    }));
  }, [paused]);
  const latestShow = useRef(show);
  useEffect(() => {
    latestShow.current = show;
    show();
  }, [show]);

  const state = useStream({
    url: eventsUrl(filter),
    events: positionEvents,
    onMessage(data, name) {
      if (!add(arrived.current, data, name)) return;
      timer.current ??= window.setTimeout(() => latestShow.current(), showInterval);
    },
  });
  const clear = useCallback(() => {
    arrived.current = { texts: [], count: 0, leftOut: 0 };
    setShown(nothing);
  }, []);
  return { ...shown, state, clear };
}

const positionEvents = ["position"];

/** False if nothing has come. */
function add(arrived: Arrived, data: string, name: string): boolean {
  if (name === "position") {
    const { skipped } = JSON.parse(data) as { readonly skipped: number };
    arrived.leftOut += skipped;
    arrived.count += skipped;
    return skipped > 0;
  }
  arrived.count += 1;
  arrived.texts.push(data);
  if (arrived.texts.length >= 2 * keptMessages) arrived.texts.splice(0, keptMessages);
  return true;
}

function eventsUrl({ deviceId, moduleId, source, from }: EventFilter): string {
  const query = new URLSearchParams({ rate: String(messageRate) });
  for (const [name, value] of Object.entries({ deviceId, moduleId, source, from }))
    if (value !== undefined && value !== "") query.set(name, value);
  return `/$hub/events?${query.toString()}`;
}
