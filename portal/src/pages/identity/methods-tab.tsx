import { Button, Field, Input, Spinner } from "@fluentui/react-components";
import { SendRegular } from "@fluentui/react-icons/svg/send";
import { useState } from "react";
import { call } from "../../api/client.ts";
import { type IdentityKey, keyName } from "../../api/identities.ts";
import { twinPath } from "../../api/twins.ts";
import { JsonEditor } from "../../components/json-editor.tsx";
import { Card, Empty } from "../../components/parts.tsx";
import { Problem } from "../../components/problem.tsx";
import { type Json, jsonProblem, pretty } from "../../lib/json.ts";
import { clockTime } from "../../lib/time.ts";

interface Result {
  readonly status: number;
  readonly payload: Json;
}

/** A call that was made from this page, newest first. */
interface Made {
  readonly at: string;
  readonly name: string;
  readonly milliseconds: number;
  readonly result?: Result;
  readonly error?: unknown;
}

/** Calls that stay on the page. */
const keptCalls = 20;

/** Calls a direct method and shows what the client answers. */
export function MethodsTab(key: IdentityKey) {
  const [name, setName] = useState("");
  const [payload, setPayload] = useState("{}");
  const [wait, setWait] = useState("30");
  const [busy, setBusy] = useState(false);
  const [made, setMade] = useState<readonly Made[]>([]);
  const valid = name !== "" && jsonProblem(payload) === undefined;

  const invoke = async (): Promise<void> => {
    if (!valid || busy) return;
    setBusy(true);
    const started = Date.now();
    const outcome = await call<Result>("POST", `${twinPath(key)}/methods`, {
      // The payload goes as it was written: 1.0 stays 1.0.
      text: `{"methodName":${JSON.stringify(name)},"responseTimeoutInSeconds":${Number(wait)},"connectTimeoutInSeconds":0,"payload":${payload.trim() === "" ? "null" : payload}}`,
    }).then(
      ({ body }) => ({ result: body }),
      (error: unknown) => ({ error }),
    );
    const call_ = { at: new Date(started).toISOString(), name, milliseconds: Date.now() - started };
    setMade((before) => [{ ...call_, ...outcome }, ...before].slice(0, keptCalls));
    setBusy(false);
  };

  return (
    <div className="grid">
      <Card
        title="Call a method"
        note={`of ${keyName(key)}, if it is connected`}
        className="span-6"
      >
        <form
          className="stack"
          onSubmit={(event) => {
            event.preventDefault();
            void invoke();
          }}
        >
          <div className="row-end">
            <Field label="Method" required className="grow">
              <Input
                value={name}
                placeholder="reboot"
                onChange={(_event, { value }) => setName(value)}
              />
            </Field>
            <Field label="Wait, seconds" style={{ width: 120 }}>
              <Input
                type="number"
                min={5}
                max={300}
                value={wait}
                onChange={(_event, { value }) => setWait(value)}
              />
            </Field>
          </div>
          <div>
            <div className="field-name">Payload</div>
            <JsonEditor
              label="Payload"
              value={payload}
              onChange={setPayload}
              onSubmit={() => void invoke()}
              height={180}
            />
          </div>
          <div>
            <Button
              type="submit"
              appearance="primary"
              disabled={!valid || busy}
              icon={busy ? <Spinner size="tiny" /> : <SendRegular />}
            >
              Call
            </Button>
          </div>
        </form>
      </Card>
      <Card title="Answers" className="span-6">
        {made.length === 0 && <Empty title="Nothing has been called yet" />}
        <div className="stack" aria-live="polite">
          {made.map((one) => (
            <Answer key={one.at} made={one} />
          ))}
        </div>
      </Card>
    </div>
  );
}

function Answer({ made }: { readonly made: Made }) {
  const { name, at, milliseconds, result, error } = made;
  return (
    <div className="stack" style={{ gap: 6 }}>
      <div className="row">
        <strong>{name}</strong>
        {result !== undefined && (
          <span className={`dot ${result.status < 300 ? "good" : "bad"}`}>
            status {result.status}
          </span>
        )}
        <span className="note">
          {clockTime(at)}, {milliseconds} ms
        </span>
      </div>
      {result === undefined ? (
        <Problem error={error} />
      ) : (
        <pre className="json" tabIndex={0} aria-label={`Answer of ${name}`}>
          {pretty(result.payload)}
        </pre>
      )}
    </div>
  );
}
