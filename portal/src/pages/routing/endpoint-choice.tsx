import { Checkbox } from "@fluentui/react-components";
import { useEndpoints } from "../../api/routing.ts";

/** Which endpoints: the built-in one and the hub's webhooks. */
export function EndpointChoice(props: {
  readonly chosen: readonly string[];
  readonly onChange: (chosen: readonly string[]) => void;
}) {
  const { chosen, onChange } = props;
  const endpoints = useEndpoints();
  const names = ["events", ...(endpoints.data?.map(({ name }) => name) ?? [])];
  return (
    <fieldset style={{ border: "none", padding: 0, margin: 0 }}>
      <legend className="field-name">Endpoints</legend>
      {names.map((name) => (
        <Checkbox
          key={name}
          label={name === "events" ? "events (built in)" : name}
          checked={chosen.includes(name)}
          onChange={(_event, { checked }) =>
            onChange(checked === true ? [...chosen, name] : chosen.filter((one) => one !== name))
          }
        />
      ))}
    </fieldset>
  );
}
