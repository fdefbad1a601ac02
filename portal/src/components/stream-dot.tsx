import type { StreamState } from "../api/stream.ts";

const texts: Record<StreamState, readonly [string, string]> = {
  connecting: ["busy", "connecting"],
  live: ["good", "live"],
  waiting: ["busy", "interrupted, resumes by itself"],
  ended: ["", "paused"],
};

/** Whether a live view is live. */
export function StreamDot({ state }: { readonly state: StreamState }) {
  const [tone, text] = texts[state];
  return (
    <span className={`dot ${tone}`} role="status">
      {text}
    </span>
  );
}
