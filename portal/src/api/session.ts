import { type QueryClient, queryOptions, useQuery } from "@tanstack/react-query";
import { call } from "./client.ts";
import { createToken, readConnectionString } from "./sas.ts";

export type Right = "RegistryRead" | "RegistryWrite" | "ServiceConnect" | "DeviceConnect";

/** Who has signed in. */
export interface Session {
  readonly policy: string;
  readonly rights: readonly Right[];
  readonly expires: string;
  readonly hubName: string;
  readonly hostName: string;
}

/** A session lasts no longer than its token. Seconds. */
const tokenLifetime = 8 * 3600;

export const sessionKey = ["session"] as const;

const sessionOptions = queryOptions({
  queryKey: sessionKey,
  queryFn: async () => (await call<Session | undefined>("GET", "/$hub/session")).body ?? null,
  staleTime: 60_000,
  refetchInterval: 20_000,
  // Whether somebody has signed in is asked also while nothing else is.
  networkMode: "always",
});

/** The browser's session; `null` for a stranger. */
export function useSessionQuery() {
  return useQuery(sessionOptions);
}

/** Asks who has signed in before anything is drawn. */
export function askForSession(queries: QueryClient): void {
  void queries.prefetchQuery(sessionOptions);
}

/** Who has signed in, from the answer that is there or on its way. */
export function knownSession(queries: QueryClient): Promise<Session | null> {
  return queries.ensureQueryData(sessionOptions);
}

/** Takes the session over; everything is read anew. */
export function beginSession(queries: QueryClient, session: Session): void {
  queries.setQueryData(sessionKey, session);
  void queries.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== sessionKey[0] });
}

export async function signInWithCode(code: string): Promise<Session> {
  return (await call<Session>("POST", "/$hub/session", { body: { code } })).body;
}

/** Throws an `Error` with what is wrong with the text, or an `ApiError` if the hub refuses it. */
export async function signInWithConnectionString(text: string): Promise<Session> {
  const token = await createToken(readConnectionString(text), tokenLifetime);
  const headers = { authorization: token };
  return (await call<Session>("POST", "/$hub/session", { body: {}, headers })).body;
}

export async function signOut(): Promise<void> {
  await call("DELETE", "/$hub/session");
}

export function mayDo(session: Session, right: Right): boolean {
  return (
    session.rights.includes(right) ||
    (right === "RegistryRead" && session.rights.includes("RegistryWrite"))
  );
}

export function isOwner(session: Session): boolean {
  return (["RegistryWrite", "ServiceConnect", "DeviceConnect"] as const).every((right) =>
    session.rights.includes(right),
  );
}
