import { FluentProvider, RendererProvider, createDOMRenderer } from "@fluentui/react-components";
import { onlineManager, useQueryClient } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { isApiError, reachable, sessionEnded, sessionLost } from "./api/client.ts";
import { type Session, mayDo, sessionKey, useSessionQuery } from "./api/session.ts";
import { Loading } from "./components/parts.tsx";
import { Toasts } from "./components/toasts.tsx";
import { useStore } from "./lib/store.ts";
import { useTheme } from "./lib/use-theme.ts";
import { styleNonce } from "./lib/style-nonce.ts";
import { router } from "./router.tsx";
import { SessionContext } from "./shell/session-context.ts";
import { SignIn, SignInAgain } from "./shell/sign-in.tsx";
import { Opening } from "./shell/unreachable.tsx";
import { themes } from "./theme.ts";

/** How often an unreachable hub is asked whether it is back, in milliseconds. */
const knockInterval = 2_000;

/** Fluent makes its style sheets at run time: the browser takes those that carry the answer's nonce. */
const renderer = createDOMRenderer(document, { styleElementAttributes: { nonce: styleNonce() } });

/** Everything; strangers see the sign-in page at whatever address they came to. */
export function App() {
  const { name } = useTheme();
  useEffect(() => {
    document.documentElement.style.colorScheme = name;
  }, [name]);
  return (
    <RendererProvider renderer={renderer}>
      <FluentProvider theme={themes[name]} className="app">
        <Toasts>
          <Gate />
        </Toasts>
      </FluentProvider>
    </RendererProvider>
  );
}

function Gate() {
  const { data, error } = useSessionQuery();
  const queries = useQueryClient();
  const [known, setKnown] = useState<Visit>();
  useReconnect();
  useSessionLoss();
  useEffect(() => {
    if (!data) return;
    const next = nextVisit(known, data);
    if (known !== undefined && next.visit !== known.visit) {
      // What was read with rights that are gone is forgotten.
      queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== sessionKey[0] });
    }
    if (known?.session !== data) setKnown(next);
  }, [data, known, queries]);
  const isEnded = data === null && known !== undefined;
  useEffect(() => {
    sessionEnded.set(isEnded);
    // Nothing is read until somebody has signed in again.
    onlineManager.setOnline(!isEnded);
  }, [isEnded]);

  if (known !== undefined) {
    return (
      <SessionContext value={known.session}>
        <RouterProvider key={known.visit} router={router} />
        {isEnded && <SignInAgain policy={known.session.policy} />}
      </SessionContext>
    );
  }
  if (data === null) return <SignIn code={linkCode()} />;
  if (error === null || data) return <Loading label="Opening the portal" />;
  if (isApiError(error, 0) || isApiError(error, 503)) return <Opening />;
  return <SignIn code={linkCode()} />;
}

interface Visit {
  readonly session: Session;
  /** Another number makes all pages anew. */
  readonly visit: number;
}

/** Whoever may do at least as much goes on with what the one before has left open; others begin anew. */
function nextVisit(before: Visit | undefined, session: Session): Visit {
  if (before === undefined) return { session, visit: 0 };
  const { policy, rights } = before.session;
  const isSame = policy === session.policy || rights.every((right) => mayDo(session, right));
  return { session, visit: isSame ? before.visit : before.visit + 1 };
}

/** The code of a one-time link. */
function linkCode(): string | undefined {
  if (!location.pathname.startsWith("/portal/sign-in")) return undefined;
  return new URLSearchParams(location.hash.slice(1)).get("code") ?? undefined;
}

/** Asks an unreachable hub until it answers, then reads everything again. */
function useReconnect(): void {
  const isReachable = useStore(reachable);
  const queries = useQueryClient();
  useEffect(() => {
    if (isReachable) return undefined;
    const knock = async (): Promise<void> => {
      const answer = await fetch("/health", { cache: "no-store" }).catch(() => undefined);
      if (answer?.ok !== true) return;
      reachable.set(true);
      await queries.invalidateQueries();
    };
    const timer = window.setInterval(() => void knock(), knockInterval);
    return () => window.clearInterval(timer);
  }, [isReachable, queries]);
}

/** A refusal of the session, wherever it came from, leads to the sign-in page. */
function useSessionLoss(): void {
  const losses = useStore(sessionLost);
  const queries = useQueryClient();
  useEffect(() => {
    if (losses > 0) void queries.invalidateQueries({ queryKey: sessionKey });
  }, [losses, queries]);
}
