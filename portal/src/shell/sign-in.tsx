import {
  Button,
  Dialog,
  DialogSurface,
  Field,
  MessageBar,
  MessageBarBody,
  MessageBarTitle,
  Spinner,
  Textarea,
} from "@fluentui/react-components";
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { isApiError, reachable } from "../api/client.ts";
import {
  type Session,
  beginSession,
  signInWithCode,
  signInWithConnectionString,
} from "../api/session.ts";
import { Problem, problemText } from "../components/problem.tsx";
import { useStore } from "../lib/store.ts";
import { Unreachable } from "./unreachable.tsx";

/** For whom the session has ended: over the pages, which wait with everything that was written in them. */
export function SignInAgain({ policy }: { readonly policy: string }) {
  const [before] = useState(() => document.activeElement);
  useEffect(() => () => void window.setTimeout(() => goBackTo(before)), [before]);
  return (
    <Dialog open modalType="alert">
      <DialogSurface className="sign-in-again" aria-label="Sign in again">
        <SignInForm code={undefined}>
          <MessageBar intent="warning" layout="multiline" politeness="assertive">
            <MessageBarBody>
              <MessageBarTitle>Your session has ended</MessageBarTitle>
              It lasts as long as its policy and key, and no longer than the hub runs. Sign in as{" "}
              {policy}, or as somebody with the same rights, and go on where you were: what you have
              written is still there.
            </MessageBarBody>
          </MessageBar>
        </SignInForm>
      </DialogSurface>
    </Dialog>
  );
}

/** Gives the focus back, into a dialog that is still open or to where it was: only then can everybody use it again. */
function goBackTo(before: Element | null): void {
  const dialog = [...document.querySelectorAll('[role="dialog"]')].at(-1);
  const was = before instanceof HTMLElement && before.isConnected ? before : undefined;
  if (dialog === undefined || (was !== undefined && dialog.contains(was))) was?.focus();
  if (dialog?.contains(document.activeElement) === false)
    dialog.querySelector<HTMLElement>("input, textarea, select, button")?.focus();
}

/** For strangers: the one-time link, or a connection string that is signed with here and sent to nobody. */
export function SignIn({ code }: { readonly code: string | undefined }) {
  const isReachable = useStore(reachable);
  return (
    <main className="sign-in">
      <SignInForm code={code}>{!isReachable && <Unreachable />}</SignInForm>
    </main>
  );
}

function SignInForm(props: { readonly code: string | undefined; readonly children: ReactNode }) {
  const { code } = props;
  const queries = useQueryClient();
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(code !== undefined);
  const [error, setError] = useState<unknown>();
  const used = useRef<string | undefined>(undefined);

  const enter = async (proof: () => Promise<Session>): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      const session = await proof();
      beginSession(queries, session);
    } catch (thrown) {
      setError(thrown);
      setBusy(false);
    }
  };
  useEffect(() => {
    // A link works once: a second try of the same one could only fail.
    if (code === undefined || used.current === code) return;
    used.current = code;
    void enter(() => signInWithCode(code)).then(() => {
      if (location.hash !== "") history.replaceState(null, "", "/portal/sign-in");
    });
  });

  return (
    <div className="card">
      <div className="row">
        <img src="/portal/twinhub.svg" alt="" width={36} height={36} />
        <h1>Sign in to twinhub</h1>
      </div>
      {props.children}
      <p>
        Open the one-time link that <code>twinhub start</code> has printed, or paste a service
        connection string of one of the hub&apos;s policies. What you may do here is what the policy
        may do.
      </p>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void enter(() => signInWithConnectionString(text));
        }}
      >
        <Field
          label="Service connection string"
          hint="The key stays in this browser: only a signature is sent, and nothing is stored."
        >
          <Textarea
            value={text}
            rows={3}
            resize="vertical"
            spellCheck={false}
            autoComplete="off"
            placeholder="HostName=…;SharedAccessKeyName=iothubowner;SharedAccessKey=…"
            onChange={(_event, { value }) => setText(value)}
          />
        </Field>
        {error !== undefined && <Problem error={explained(error, code)} />}
        <div>
          <Button
            type="submit"
            appearance="primary"
            disabled={busy || text.trim() === ""}
            icon={busy ? <Spinner size="tiny" /> : null}
          >
            Sign in
          </Button>
        </div>
      </form>
      <p className="note">
        To see it: <code>twinhub policy list</code> or the first lines of <code>twinhub start</code>
        .
      </p>
    </div>
  );
}

function explained(error: unknown, code: string | undefined): Error {
  if (!isApiError(error, 401)) return new Error(problemText(error));
  return new Error(
    code === undefined
      ? "The hub does not accept this connection string: check the host name, the policy and the key."
      : "This link has been used or is older than 15 minutes. Paste a connection string, or restart the hub for a new link.",
  );
}
