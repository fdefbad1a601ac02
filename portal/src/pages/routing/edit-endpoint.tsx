import { Field, Input } from "@fluentui/react-components";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { putRouting, routingKey } from "../../api/routing.ts";
import { FormDialog } from "../../components/form-dialog.tsx";

/** Adds a webhook, to which the hub posts messages. */
export function EditEndpoint({ onClose }: { readonly onClose: () => void }) {
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [url, setUrl] = useState("");
  const [secret, setSecret] = useState("");
  return (
    <FormDialog
      title="Add a webhook"
      action="Add"
      ready={name !== "" && url !== ""}
      onSave={async () => {
        const body = { type: "webhook", url, ...(secret === "" ? {} : { secret }) };
        await putRouting("endpoints", name, body);
        await queries.invalidateQueries({ queryKey: routingKey });
      }}
      onClose={onClose}
    >
      <Field label="Name" required>
        <Input value={name} onChange={(_event, { value }) => setName(value)} />
      </Field>
      <Field label="Address" required hint="https:, or http: to the hub's own machine">
        <Input
          className="mono"
          value={url}
          placeholder="https://example.com/messages"
          onChange={(_event, { value }) => setUrl(value)}
        />
      </Field>
      <Field
        label="Secret"
        hint="Signs each request in the header x-twinhub-signature; never shown again"
      >
        <Input
          type="password"
          autoComplete="off"
          value={secret}
          onChange={(_event, { value }) => setSecret(value)}
        />
      </Field>
    </FormDialog>
  );
}
