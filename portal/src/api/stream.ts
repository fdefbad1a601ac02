import { useEffect, useRef, useState } from "react";

export type StreamState = "connecting" | "live" | "waiting" | "ended";

export interface StreamOptions {
  /** `null`: no stream. */
  readonly url: string | null;
  readonly onMessage: (data: string, id: string) => void;
  /** Names of events beside the unnamed ones that count as messages. */
  readonly events?: readonly string[];
  /** The parameter of the URL that takes the last id when the stream is opened anew. */
  readonly resumeWith?: string;
}

/** How long until a refused stream is tried again, in milliseconds. */
const retryDelay = 3_000;

/**
 * Server-sent events from the hub. The browser resumes a broken stream from the last id; a stream that was refused
 * or ended by the hub is opened anew after a while.
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
        handler.current(event.data, event.lastEventId);
      };
      source.addEventListener("message", take);
      for (const name of names.split(",").filter(Boolean)) source.addEventListener(name, take);
      source.addEventListener("error", () => {
        setState("waiting");
        if (source?.readyState === EventSource.CLOSED) timer = window.setTimeout(open, retryDelay);
      });
    };
    open();
    return () => {
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
