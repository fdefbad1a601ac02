import { Field, Input } from "@fluentui/react-components";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { putRouting, routingKey } from "../../api/routing.ts";
import { FormDialog } from "../../components/form-dialog.tsx";
import { EndpointChoice } from "./endpoint-choice.tsx";

/** Adds a property that the hub writes into messages on their way to endpoints. */
export function EditEnrichment({ onClose }: { readonly onClose: () => void }) {
  const queries = useQueryClient();
  const [key, setKey] = useState("");
  const [value, setValue] = useState("");
  const [endpointNames, setEndpoints] = useState<readonly string[]>(["events"]);
  return (
    <FormDialog
      title="Add an enrichment"
      action="Add"
      ready={key !== "" && value !== "" && endpointNames.length > 0}
      onSave={async () => {
        await putRouting("enrichments", key, { value, endpointNames });
        await queries.invalidateQueries({ queryKey: routingKey });
      }}
      onClose={onClose}
    >
      <Field label="Property" required>
        <Input className="mono" value={key} onChange={(_event, data) => setKey(data.value)} />
      </Field>
      <Field label="Value" required hint="Text, $iothubname, or a path such as $twin.tags.site">
        <Input className="mono" value={value} onChange={(_event, data) => setValue(data.value)} />
      </Field>
      <EndpointChoice chosen={endpointNames} onChange={setEndpoints} />
    </FormDialog>
  );
}
