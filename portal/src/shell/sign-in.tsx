import { Button, Field, Spinner, Textarea } from "@fluentui/react-components";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { isApiError, reachable } from "../api/client.ts";
import {
  type Session,
  changeSession,
  signInWithCode,
  signInWithConnectionString,
} from "../api/session.ts";
import { Problem, problemText } from "../components/problem.tsx";
import { useStore } from "../lib/store.ts";
import { Unreachable } from "./unreachable.tsx";

/** For strangers: the one-time link, or a connection string that is signed with here and sent to nobody. */
export function SignIn({ code }: { readonly code: string | undefined }) {
  const queries = useQueryClient();
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(code !== undefined);
  const [error, setError] = useState<unknown>();
  const used = useRef<string | undefined>(undefined);
  const isReachable = useStore(reachable);

  const enter = async (proof: () => Promise<Session>): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      const session = await proof();
      changeSession(queries, session);
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
    <main className="sign-in">
      <div className="card">
        <div className="row">
          <img src="/portal/twinhub.svg" alt="" width={36} height={36} />
          <h1>Sign in to twinhub</h1>
        </div>
        {!isReachable && <Unreachable />}
        <p>
          Open the one-time link that <code>twinhub start</code> has printed, or paste a service
          connection string of one of the hub&apos;s policies. What you may do here is what the
          policy may do.
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
          To see it: <code>twinhub policy list</code> or the first lines of{" "}
          <code>twinhub start</code>.
        </p>
      </div>
    </main>
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
