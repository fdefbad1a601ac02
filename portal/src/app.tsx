import { FluentProvider, RendererProvider, createDOMRenderer } from "@fluentui/react-components";
import { useQueryClient } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { useEffect } from "react";
import { reachable, sessionLost } from "./api/client.ts";
import { sessionKey, useSessionQuery } from "./api/session.ts";
import { Loading } from "./components/parts.tsx";
import { Toasts } from "./components/toasts.tsx";
import { useStore } from "./lib/store.ts";
import { useTheme } from "./lib/use-theme.ts";
import { styleNonce } from "./lib/style-nonce.ts";
import { router } from "./router.tsx";
import { SessionContext } from "./shell/session-context.ts";
import { SignIn } from "./shell/sign-in.tsx";
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
  const session = useSessionQuery();
  useReconnect();
  useSessionLoss();
  if (session.data) {
    return (
      <SessionContext value={session.data}>
        <RouterProvider router={router} />
      </SessionContext>
    );
  }
  if (session.data === undefined && !session.isError) return <Loading label="Opening the portal" />;
  return <SignIn code={linkCode()} />;
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
