import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import type { JsonObject } from "../lib/json.ts";
import { get, isApiError } from "./client.ts";
import type { IdentityKey } from "./identities.ts";
import { type StreamState, useStream } from "./stream.ts";

/** One change of a twin or an identity, in the order of commits. */
export interface HubChange extends IdentityKey {
  readonly sequence: number;
  /** `updateTwin`, `replaceTwin`, `createIdentity`, `updateIdentity` or `deleteIdentity`. */
  readonly type: string;
  readonly time: string;
  readonly version?: number;
  readonly tags?: JsonObject;
  readonly properties?: { readonly desired?: JsonObject; readonly reported?: JsonObject };
  readonly status?: string;
}

interface ChangesPage {
  readonly changes: readonly HubChange[];
  readonly last: number;
}

/** Commits of the whole hub among which earlier changes are looked for. */
const lookBack = 1_000;

/** Changes that are kept, newest first. */
const kept = 200;

/** How often arrived changes are shown, in milliseconds. */
const showInterval = 100;

export interface LiveChanges {
  /** Newest first. */
  readonly changes: readonly HubChange[];
  readonly state: StreamState;
  readonly error: unknown;
}

/** The newest changes that fit `where`, the earlier ones first read and the later ones live. */
export function useChanges(where: string | undefined, enabled = true): LiveChanges {
  const [changes, setChanges] = useState<readonly HubChange[]>([]);
  const [start, setStart] = useState<{ where: string | undefined; after: number } | undefined>();
  const [error, setError] = useState<unknown>();
  const arrived = useRef<string[]>([]);
  const timer = useRef<number | undefined>(undefined);

  useEffect(() => {
    const abort = new AbortController();
    setChanges([]);
    setError(undefined);
    setStart(undefined);
    if (!enabled) return undefined;
    earlier(where, abort.signal).then(
      (page) => {
        setChanges(page.changes.slice(-kept).toReversed());
        setStart({ where, after: page.last });
      },
      (thrown: unknown) => {
        if (!abort.signal.aborted) setError(thrown);
      },
    );
    return () => abort.abort();
  }, [where, enabled]);

  const show = (): void => {
    timer.current = undefined;
    const fresh = arrived.current
      .splice(0)
      .slice(-kept)
      .map((text) => JSON.parse(text) as HubChange)
      .toReversed();
    setChanges((before) => [...fresh, ...before].slice(0, kept));
  };
  const ready = enabled && start !== undefined && start.where === where;
  const state = useStream({
    url: ready ? changesUrl({ after: String(start.after), where }) : null,
    resumeWith: "after",
    onMessage(data) {
      arrived.current.push(data);
      if (arrived.current.length >= 2 * kept) arrived.current.splice(0, kept);
      timer.current ??= window.setTimeout(show, showInterval);
    },
  });
  return { changes, state, error };
}

/** What is still kept of the last commits. */
async function earlier(where: string | undefined, signal: AbortSignal): Promise<ChangesPage> {
  const { last } = await get<ChangesPage>(changesUrl({ after: "latest", limit: "1" }), signal);
  const after = String(Math.max(0, last - lookBack));
  try {
    return await get<ChangesPage>(changesUrl({ after, limit: "1000", where }), signal);
  } catch (error) {
    if (!isApiError(error, 400)) throw error;
    // They are not kept any more, or the condition is wrong: the second call tells.
    return get<ChangesPage>(changesUrl({ after: String(last), limit: "1", where }), signal);
  }
}

function changesUrl(parameters: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters))
    if (value !== undefined && value !== "") query.set(name, value);
  return `/changes?${query.toString()}`;
}

/** The condition that names one identity. */
export function whereIdentity({ deviceId, moduleId }: IdentityKey): string {
  const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;
  const device = `deviceId = ${quote(deviceId)}`;
  return moduleId === undefined
    ? `${device} AND NOT is_defined(moduleId)`
    : `${device} AND moduleId = ${quote(moduleId)}`;
}

/** How many events the hub has committed so far. */
export function useLastChange(every: number) {
  return useQuery({
    queryKey: ["changes", "last"],
    queryFn: async ({ signal }) =>
      (await get<ChangesPage>(changesUrl({ after: "latest", limit: "1" }), signal)).last,
    refetchInterval: every,
  });
}
