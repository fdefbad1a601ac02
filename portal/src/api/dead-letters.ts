import { useQuery } from "@tanstack/react-query";
import type { Json } from "../lib/json.ts";
import { call, get } from "./client.ts";
import { routingKey } from "./routing.ts";

/** A message that an endpoint never accepted. */
export interface DeadLetter {
  readonly id: string;
  readonly reason: "deliveryCountExceeded" | "queueFull";
  readonly error: string | null;
  readonly deliveryCount: number;
  readonly deadLetteredTime: string;
  readonly enqueuedTime: string;
  readonly source: string;
  readonly deviceId: string;
  readonly moduleId?: string;
  readonly systemProperties: Readonly<Record<string, string>>;
  readonly applicationProperties: Readonly<Record<string, string | null>>;
  readonly bodyEncoding: "json" | "text" | "base64";
  readonly body: Json;
}

/** The hub shows the oldest ones, so many at most. */
export const deadLettersShown = 100;

function pathOf(endpoint: string): string {
  return `/$hub/endpoints/${encodeURIComponent(endpoint)}/deadLetters`;
}

export function useDeadLetters(endpoint: string, enabled: boolean) {
  return useQuery({
    queryKey: [...routingKey, "deadLetters", endpoint],
    queryFn: ({ signal }) =>
      get<readonly DeadLetter[]>(`${pathOf(endpoint)}?top=${deadLettersShown}`, signal),
    refetchInterval: 5_000,
    enabled,
  });
}

export async function retryDeadLetter(endpoint: string, id: string): Promise<void> {
  await call("POST", `${pathOf(endpoint)}/${id}/retry`);
}

/** Resolves with how many are sent again. */
export async function retryDeadLetters(endpoint: string): Promise<number> {
  const path = `${pathOf(endpoint)}/retry`;
  return (await call<{ totalMessagesRetried: number }>("POST", path)).body.totalMessagesRetried;
}

export async function discardDeadLetter(endpoint: string, id: string): Promise<void> {
  await call("DELETE", `${pathOf(endpoint)}/${id}`);
}

/** Resolves with how many were deleted. */
export async function discardDeadLetters(endpoint: string): Promise<number> {
  const { body } = await call<{ totalMessagesPurged: number }>("DELETE", pathOf(endpoint));
  return body.totalMessagesPurged;
}
