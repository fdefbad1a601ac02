import { Field, Select } from "@fluentui/react-components";
import { Card, PageHead } from "../components/parts.tsx";
import { DelayedInput } from "../components/delayed-input.tsx";
import { MessageView } from "../components/message-view.tsx";
import { telemetryRoute } from "../router.tsx";

/** The event log as it grows, filtered by what stands in the address. */
export function TelemetryPage() {
  const search = telemetryRoute.useSearch();
  const navigate = telemetryRoute.useNavigate();
  const show = (part: Partial<typeof search>): void =>
    void navigate({ search: { ...search, ...part }, replace: true });
  const text = (name: "deviceId" | "moduleId", label: string) => (
    <Field label={label}>
      <DelayedInput
        value={search[name] ?? ""}
        placeholder="all"
        onText={(text) => show({ [name]: text || undefined })}
      />
    </Field>
  );
  return (
    <>
      <PageHead
        title="Live telemetry"
        sub="Messages from devices and modules, and the hub's own events that a route sends to the log"
      />
      <Card>
        <div className="row-end">
          {text("deviceId", "Device id")}
          {text("moduleId", "Module id")}
          <Field label="Kind">
            <Select
              value={search.source ?? ""}
              onChange={(_e, { value }) => show({ source: value || undefined })}
            >
              <option value="">all</option>
              <option value="Telemetry">telemetry</option>
              <option value="twinChangeEvents">twin changes</option>
              <option value="deviceLifecycleEvents">identities made and deleted</option>
              <option value="deviceConnectionStateEvents">connections</option>
              <option value="deviceJobLifecycleEvents">jobs</option>
            </Select>
          </Field>
          <Field label="Begin">
            <Select
              value={search.from ?? "latest"}
              onChange={(_e, { value }) => show({ from: value })}
            >
              <option value="latest">now</option>
              <option value="earliest">with the oldest that is kept</option>
            </Select>
          </Field>
        </div>
      </Card>
      <MessageView key={JSON.stringify(search)} filter={search} />
    </>
  );
}
