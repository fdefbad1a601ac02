import { createContext, useContext } from "react";
import type { Session } from "../api/session.ts";

export const SessionContext = createContext<Session | null>(null);

/** Who has signed in; pages are shown to nobody else. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error("a page is shown without a session");
  return session;
}
