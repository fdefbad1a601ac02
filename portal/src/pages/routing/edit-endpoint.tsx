import { Field, Input, Radio, RadioGroup } from "@fluentui/react-components";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { type Endpoint, putRouting, routingKey } from "../../api/routing.ts";
import { FormDialog } from "../../components/form-dialog.tsx";
import { sizeText } from "../../lib/size.ts";

const webhookDraft = { url: "", secret: "" };
/** What the hub takes where nothing is said; as text while it is written. */
const logDraft = {
  partitionCount: "4",
  retentionTimeInHours: "24",
  maxPartitionBytes: String(2 ** 30),
};

type WebhookDraft = typeof webhookDraft;
type LogDraft = typeof logDraft;

/** Adds a webhook, to which the hub posts messages, or another event log of the hub's own. */
export function EditEndpoint({ onClose }: { readonly onClose: () => void }) {
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [type, setType] = useState<Endpoint["type"]>("webhook");
  const [webhook, setWebhook] = useState(webhookDraft);
  const [log, setLog] = useState(logDraft);
  const body = type === "webhook" ? webhookBody(webhook) : logBody(log);
  return (
    <FormDialog
      title="Add an endpoint"
      action="Add"
      ready={name !== "" && body !== undefined}
      onSave={async () => {
        await putRouting("endpoints", name, { type, ...body });
        await queries.invalidateQueries({ queryKey: routingKey });
      }}
      onClose={onClose}
    >
      <Field label="Type">
        <RadioGroup
          layout="horizontal"
          value={type}
          onChange={(_event, { value }) => setType(value === "log" ? "log" : "webhook")}
        >
          <Radio value="webhook" label="Webhook" />
          <Radio value="log" label="Event log of this hub" />
        </RadioGroup>
      </Field>
      <Field
        label="Name"
        required
        hint={type === "log" ? "Event Hubs clients read it by this name" : undefined}
      >
        <Input value={name} onChange={(_event, { value }) => setName(value)} />
      </Field>
      {type === "webhook" ? (
        <WebhookFields draft={webhook} onChange={setWebhook} />
      ) : (
        <LogFields draft={log} onChange={setLog} />
      )}
    </FormDialog>
  );
}

function webhookBody({ url, secret }: WebhookDraft): object | undefined {
  if (url === "") return undefined;
  return { url, ...(secret === "" ? {} : { secret }) };
}

/** The hub says which numbers it takes. */
function logBody(draft: LogDraft): object | undefined {
  const numbers = Object.entries(draft).map(([name, text]) => [name, Number(text)] as const);
  const areWhole = numbers.every(([, number]) => Number.isInteger(number) && number > 0);
  return areWhole ? Object.fromEntries(numbers) : undefined;
}

interface FieldsProps<Draft> {
  readonly draft: Draft;
  readonly onChange: (draft: Draft) => void;
}

function WebhookFields({ draft, onChange }: FieldsProps<WebhookDraft>) {
  return (
    <>
      <Field label="Address" required hint="https:, or http: to the hub's own machine">
        <Input
          className="mono"
          value={draft.url}
          placeholder="https://example.com/messages"
          onChange={(_event, { value }) => onChange({ ...draft, url: value })}
        />
      </Field>
      <Field
        label="Secret"
        hint="Signs each request in the header x-twinhub-signature; never shown again"
      >
        <Input
          type="password"
          autoComplete="off"
          value={draft.secret}
          onChange={(_event, { value }) => onChange({ ...draft, secret: value })}
        />
      </Field>
    </>
  );
}

function LogFields({ draft, onChange }: FieldsProps<LogDraft>) {
  const bytes = Number(draft.maxPartitionBytes);
  const field = (name: keyof LogDraft, label: string, hint: string) => (
    <Field label={label} required hint={hint}>
      <Input
        type="number"
        min={1}
        step={1}
        value={draft[name]}
        onChange={(_event, { value }) => onChange({ ...draft, [name]: value })}
      />
    </Field>
  );
  return (
    <>
      {field("partitionCount", "Partitions", "Stay as they are made")}
      {field("retentionTimeInHours", "Retention, in hours", "How long messages are kept")}
      {field(
        "maxPartitionBytes",
        "Size of a partition, in bytes of bodies",
        Number.isInteger(bytes) && bytes > 0
          ? `${sizeText(bytes)}; beyond it the oldest messages go`
          : "Beyond it the oldest messages go",
      )}
    </>
  );
}
