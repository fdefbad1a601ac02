import { useEffect, useRef, useState } from "react";
import { doubtSession, sessionEnded } from "./client.ts";

export type StreamState = "connecting" | "live" | "waiting" | "ended";

export interface StreamOptions {
  /** `null`: no stream. */
  readonly url: string | null;
  /** `name` is `message` for unnamed events. */
  readonly onMessage: (data: string, name: string) => void;
  /** Names of events beside the unnamed ones that count as messages. */
  readonly events?: readonly string[];
  /** The parameter of the URL that takes the last id when the stream is opened anew. */
  readonly resumeWith?: string;
}

/** How long until a refused stream is tried again, in milliseconds. */
const retryDelay = 3_000;

/**
 * Server-sent events from the hub. The browser resumes a broken stream from the last id; a stream that was refused
 * or ended by the hub is opened anew after a while, or when somebody has signed in again.
 */
export function useStream({
  url,
  onMessage,
  events = [],
  resumeWith = "from",
}: StreamOptions): StreamState {
  const [state, setState] = useState<StreamState>("connecting");
  const handler = useRef(onMessage);
  handler.current = onMessage;
  const names = events.join(",");

  useEffect(() => {
    if (url === null) {
      setState("ended");
      return undefined;
    }
    let source: EventSource | undefined;
    let timer: number | undefined;
    let lastId = "";
    const open = (): void => {
      setState("connecting");
      source = new EventSource(resumed(url, resumeWith, lastId));
      source.addEventListener("open", () => setState("live"));
      const take = (event: MessageEvent<string>): void => {
        if (event.lastEventId !== "") lastId = event.lastEventId;
        handler.current(event.data, event.type);
      };
      source.addEventListener("message", take);
      for (const name of names.split(",").filter(Boolean)) source.addEventListener(name, take);
      source.addEventListener("error", () => {
        setState("waiting");
        if (source?.readyState !== EventSource.CLOSED) return;
        // The browser does not tell why it was refused: the session may have ended.
        doubtSession();
        timer = window.setTimeout(openAgain, retryDelay);
      });
    };
    const openAgain = (): void => {
      if (sessionEnded.get() || source?.readyState !== EventSource.CLOSED) return;
      window.clearTimeout(timer);
      open();
    };
    open();
    const forget = sessionEnded.subscribe(openAgain);
    return () => {
      forget();
      source?.close();
      window.clearTimeout(timer);
    };
  }, [url, names, resumeWith]);
  return state;
}

function resumed(url: string, name: string, lastId: string): string {
  if (lastId === "") return url;
  const [path, query] = url.split("?", 2);
  const parameters = new URLSearchParams(query);
  parameters.set(name, lastId);
  return `${path}?${parameters.toString()}`;
}
