import { useSyncExternalStore } from "react";
import { fullTime, isNever, timeAgo } from "../lib/time.ts";

/** How often times are told anew, in milliseconds. */
const interval = 5_000;

const listeners = new Set<() => void>();
let now = Date.now();
let timer: number | undefined;

/** One timer for all times on the page. */
function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (timer === undefined) {
    now = Date.now();
    timer = window.setInterval(tick, interval);
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    window.clearInterval(timer);
    timer = undefined;
  };
}

function tick(): void {
  now = Date.now();
  for (const listener of listeners) listener();
}

const current = (): number => now;

/** `3 minutes ago`, kept current, with the exact time on hover and for screen readers. */
export function Ago({ time }: { readonly time: string | null | undefined }) {
  if (time === null || time === undefined || isNever(time)) return <span>never</span>;
  return <Since time={time} />;
}

function Since({ time }: { readonly time: string }) {
  const at = useSyncExternalStore(subscribe, current);
  return (
    <time dateTime={time} title={fullTime(time)}>
      {timeAgo(time, Math.max(at, Date.parse(time)))}
    </time>
  );
}
