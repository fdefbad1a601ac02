import { Button, Field, Input, Select, Switch, Textarea } from "@fluentui/react-components";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import {
  type Route,
  type RouteSource,
  type RouteTest,
  putRouting,
  routeSources,
  routingKey,
  testRoute,
} from "../../api/routing.ts";
import { FormDialog } from "../../components/form-dialog.tsx";
import { Problem } from "../../components/problem.tsx";
import { EndpointChoice } from "./endpoint-choice.tsx";

/** Makes or changes a route; its condition can be tried before it counts. */
export function EditRoute(props: {
  readonly route: Route | undefined;
  readonly onClose: () => void;
}) {
  const { route, onClose } = props;
  const queries = useQueryClient();
  const [name, setName] = useState(route?.name ?? "");
  const [source, setSource] = useState<RouteSource>(route?.source ?? "DeviceMessages");
  const [condition, setCondition] = useState(route?.condition ?? "");
  const [endpointNames, setEndpoints] = useState<readonly string[]>(
    route?.endpointNames ?? ["events"],
  );
  const [isEnabled, setEnabled] = useState(route?.isEnabled ?? true);
  return (
    <FormDialog
      title={route === undefined ? "Add a route" : `Route ${route.name}`}
      action="Save"
      ready={name !== "" && endpointNames.length > 0}
      onSave={async () => {
        const body = { source, condition, endpointNames, isEnabled };
        await putRouting("routes", name, body, route?.etag);
        await queries.invalidateQueries({ queryKey: routingKey });
      }}
      onClose={onClose}
      wide
    >
      <div className="row-end">
        {route === undefined && (
          <Field label="Name" required className="grow">
            <Input value={name} onChange={(_event, { value }) => setName(value)} />
          </Field>
        )}
        <Field label="Source" className="grow">
          <Select value={source} onChange={(_event, { value }) => setSource(value as RouteSource)}>
            {routeSources.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </Select>
        </Field>
      </div>
      <Field
        label="Condition"
        hint="In IoT Hub's language for message routing; empty for every message"
      >
        <Textarea
          className="mono"
          rows={3}
          value={condition}
          placeholder="$body.temperature > 30 AND level = 'info'"
          onChange={(_event, { value }) => setCondition(value)}
        />
      </Field>
      <TryCondition source={source} condition={condition} />
      <EndpointChoice chosen={endpointNames} onChange={setEndpoints} />
      <Switch
        label="Enabled"
        checked={isEnabled}
        onChange={(_event, { checked }) => setEnabled(checked)}
      />
    </FormDialog>
  );
}

function TryCondition({
  source,
  condition,
}: {
  readonly source: RouteSource;
  readonly condition: string;
}) {
  const [body, setBody] = useState('{"temperature":31}');
  const [result, setResult] = useState<RouteTest | undefined>();
  const [error, setError] = useState<unknown>();
  const ask = async (): Promise<void> => {
    try {
      setResult(await testRoute(source, condition, body));
      setError(undefined);
    } catch (thrown) {
      setError(thrown);
    }
  };
  const [problem] = result?.details.compilationErrors ?? [];
  return (
    <div className="stack" style={{ gap: 6 }}>
      <div className="row-end">
        <Field label="Try it with a body" className="grow">
          <Input className="mono" value={body} onChange={(_event, { value }) => setBody(value)} />
        </Field>
        <Button onClick={() => void ask()}>Try</Button>
      </div>
      <div role="status" className="note">
        {result !== undefined &&
          (problem === undefined
            ? `The condition is ${result.result}: the message is ${result.result === "true" ? "" : "not "}routed.`
            : `Line ${problem.location.start.line}, column ${problem.location.start.column}: ${problem.message}`)}
      </div>
      <Problem error={error} />
    </div>
  );
}
