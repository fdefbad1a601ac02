import { useEffect, useState } from "react";
import { fullTime, isNever, timeAgo } from "../lib/time.ts";

/** `3 minutes ago`, kept current, with the exact time on hover and for screen readers. */
export function Ago({ time }: { readonly time: string | null | undefined }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 5_000);
    return () => window.clearInterval(timer);
  }, []);
  if (time === null || time === undefined || isNever(time)) return <span>never</span>;
  return (
    <time dateTime={time} title={fullTime(time)}>
      {timeAgo(time, now)}
    </time>
  );
}
