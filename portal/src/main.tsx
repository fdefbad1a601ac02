import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { queries } from "./api/queries.ts";
import { askForSession } from "./api/session.ts";
import { router } from "./router.tsx";
import "./styles.css";

const encoder = new TextEncoder();
globalThis.Buffer ??= { byteLength: (text) => encoder.encode(text).length };

askForSession(queries);
// The page's own code comes while the hub tells who has signed in. A one-time link is used up first.
if (!location.pathname.startsWith("/portal/sign-in")) void router.load();

const root = document.querySelector("#root");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <App />
      </QueryClientProvider>
    </StrictMode>,
  );
}
