import { Button, Field, Input, Select, Textarea } from "@fluentui/react-components";
import { SendRegular } from "@fluentui/react-icons/svg/send";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../../api/client.ts";
import { identityKey } from "../../api/identities.ts";
import { Confirm } from "../../components/confirm.tsx";
import { Card } from "../../components/parts.tsx";
import { Problem } from "../../components/problem.tsx";
import { useNotify } from "../../components/toasts.tsx";

/** Lines `name=value`. */
function propertyHeaders(text: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const equals = line.indexOf("=");
    if (equals > 0)
      headers[`iothub-app-${line.slice(0, equals).trim()}`] = line.slice(equals + 1).trim();
  }
  return headers;
}

/** Sends messages that wait for the device, and empties its queue. */
export function MessagesTab(props: {
  readonly deviceId: string;
  readonly waiting: number | undefined;
}) {
  const { deviceId, waiting = 0 } = props;
  const queries = useQueryClient();
  const notify = useNotify();
  const [text, setText] = useState("");
  const [properties, setProperties] = useState("");
  const [messageId, setMessageId] = useState("");
  const [ack, setAck] = useState("none");
  const [purging, setPurging] = useState(false);
  const [error, setError] = useState<unknown>();
  const path = `/devices/${encodeURIComponent(deviceId)}`;
  const reload = () => queries.invalidateQueries({ queryKey: identityKey({ deviceId }) });

  const send = async (): Promise<void> => {
    try {
      await call("POST", `${path}/messages/deviceBound`, {
        text,
        headers: {
          "iothub-ack": ack,
          ...(messageId === "" ? {} : { "iothub-messageid": messageId }),
          ...propertyHeaders(properties),
        },
      });
      setError(undefined);
      setText("");
      notify(`The message waits for ${deviceId}`);
      await reload();
    } catch (thrown) {
      setError(thrown);
    }
  };

  return (
    <Card
      title="Message to the device"
      note={`${waiting} of 50 waiting; messages reach devices, not modules`}
      actions={
        <Button disabled={waiting === 0} onClick={() => setPurging(true)}>
          Purge the queue
        </Button>
      }
    >
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <Field label="Body">
          <Textarea
            className="mono"
            rows={5}
            value={text}
            onChange={(_event, { value }) => setText(value)}
          />
        </Field>
        <div className="row-end">
          <Field label="Message id" className="grow">
            <Input value={messageId} onChange={(_event, { value }) => setMessageId(value)} />
          </Field>
          <Field label="Feedback" className="grow">
            <Select value={ack} onChange={(_event, { value }) => setAck(value)}>
              <option value="none">none</option>
              <option value="positive">when it was completed</option>
              <option value="negative">when it was rejected or expired</option>
              <option value="full">always</option>
            </Select>
          </Field>
        </div>
        <Field label="Properties" hint="One a line: name=value">
          <Textarea
            className="mono"
            rows={2}
            value={properties}
            onChange={(_event, { value }) => setProperties(value)}
          />
        </Field>
        <Problem error={error} />
        <div>
          <Button type="submit" appearance="primary" icon={<SendRegular />}>
            Send
          </Button>
        </div>
      </form>
      {purging && (
        <Confirm
          title={`Purge the queue of ${deviceId}?`}
          action="Purge"
          onConfirm={async () => {
            await call("DELETE", `${path}/commands`);
            await reload();
          }}
          onClose={() => setPurging(false)}
        >
          All messages that wait for it are deleted.
        </Confirm>
      )}
    </Card>
  );
}
