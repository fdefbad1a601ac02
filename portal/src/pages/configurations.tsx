import { Button, Field, Input } from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons/svg/add";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call, get } from "../api/client.ts";
import { mayDo } from "../api/session.ts";
import { Ago } from "../components/ago.tsx";
import { Confirm } from "../components/confirm.tsx";
import { FormDialog } from "../components/form-dialog.tsx";
import { JsonEditor } from "../components/json-editor.tsx";
import { Card, Empty, Facts, Loading, PageHead } from "../components/parts.tsx";
import { Problem } from "../components/problem.tsx";
import { type JsonObject, jsonProblem, pretty } from "../lib/json.ts";
import { useSession } from "../shell/session-context.ts";

interface Configuration {
  readonly id: string;
  readonly etag: string;
  readonly content: JsonObject;
  readonly targetCondition: string;
  readonly priority: number;
  readonly labels?: Readonly<Record<string, string>> | null;
  readonly lastUpdatedTimeUtc: string;
  readonly systemMetrics?: { readonly results: Readonly<Record<string, number>> };
  readonly metrics?: {
    readonly results: Readonly<Record<string, number>>;
    readonly queries: Readonly<Record<string, string>>;
  };
}

const listKey = ["configurations"] as const;

function pathOf(id: string): string {
  return `/configurations/${encodeURIComponent(id)}`;
}

/** Desired properties that every twin of a target gets by itself. */
export function ConfigurationsPage() {
  const session = useSession();
  const mayRead = mayDo(session, "RegistryRead");
  const list = useQuery({
    queryKey: listKey,
    queryFn: ({ signal }) => get<readonly Configuration[]>("/configurations", signal),
    refetchInterval: 5_000,
    enabled: mayRead,
  });
  const [editing, setEditing] = useState<Configuration | "new" | undefined>();
  return (
    <>
      <PageHead
        title="Configurations"
        sub="Desired properties that the hub keeps on all devices or modules of a target"
      >
        {mayDo(session, "RegistryWrite") && (
          <Button appearance="primary" icon={<AddRegular />} onClick={() => setEditing("new")}>
            Create a configuration
          </Button>
        )}
      </PageHead>
      {!mayRead && <Empty title="This policy sees no configurations">It needs RegistryRead.</Empty>}
      <Problem error={list.error} />
      {mayRead && list.isPending && <Loading />}
      {list.data?.length === 0 && <Empty title="There are no configurations yet" />}
      <div className="grid">
        {list.data?.map((one) => (
          <ConfigurationCard key={one.id} configuration={one} onEdit={() => setEditing(one)} />
        ))}
      </div>
      {editing !== undefined && (
        <EditConfiguration
          configuration={editing === "new" ? undefined : editing}
          onClose={() => setEditing(undefined)}
        />
      )}
    </>
  );
}

function ConfigurationCard(props: {
  readonly configuration: Configuration;
  readonly onEdit: () => void;
}) {
  const {
    id,
    etag,
    targetCondition,
    priority,
    content,
    systemMetrics,
    metrics,
    lastUpdatedTimeUtc,
  } = props.configuration;
  const queries = useQueryClient();
  const [deleting, setDeleting] = useState(false);
  const results = Object.entries({ ...systemMetrics?.results, ...metrics?.results });
  return (
    <Card
      title={id}
      note={`priority ${priority}`}
      className="span-6"
      actions={
        <>
          <Button size="small" aria-label={`Edit ${id}`} onClick={props.onEdit}>
            Edit
          </Button>
          <Button size="small" aria-label={`Delete ${id}`} onClick={() => setDeleting(true)}>
            Delete
          </Button>
        </>
      }
    >
      <div className="stack">
        <Facts
          items={[
            ["Target", <code key="t">{targetCondition || "nobody"}</code>],
            ...results.map(([name, value]) => [name, value.toLocaleString("en")] as const),
            ["Changed", <Ago key="c" time={lastUpdatedTimeUtc} />],
          ]}
        />
        <pre className="json" tabIndex={0} aria-label={`Content of ${id}`}>
          {pretty(content)}
        </pre>
      </div>
      {deleting && (
        <Confirm
          title={`Delete the configuration ${id}?`}
          action="Delete"
          type={id}
          onConfirm={async () => {
            await call("DELETE", pathOf(id), { ifMatch: etag });
            await queries.invalidateQueries({ queryKey: listKey });
          }}
          onClose={() => setDeleting(false)}
        >
          Its targets fall back to the next configuration; what it alone has set stays.
        </Confirm>
      )}
    </Card>
  );
}

const example = '{\n  "moduleContent": {\n    "properties.desired.intervalSeconds": 30\n  }\n}';

function EditConfiguration(props: {
  readonly configuration: Configuration | undefined;
  readonly onClose: () => void;
}) {
  const { configuration, onClose } = props;
  const queries = useQueryClient();
  const [id, setId] = useState(configuration?.id ?? "");
  const [target, setTarget] = useState(
    configuration?.targetCondition ?? "from devices.modules where tags.site = 'berlin'",
  );
  const [priority, setPriority] = useState(String(configuration?.priority ?? 10));
  const [content, setContent] = useState(example);
  const save = async (): Promise<void> => {
    const written =
      configuration === undefined
        ? { id, schemaVersion: "2.0", labels: {}, content: JSON.parse(content) as JsonObject }
        : configuration;
    await call("PUT", pathOf(id), {
      body: { ...written, targetCondition: target, priority: Number(priority) },
      ifMatch: configuration?.etag,
    });
    await queries.invalidateQueries({ queryKey: listKey });
  };
  return (
    <FormDialog
      title={configuration === undefined ? "Create a configuration" : `Configuration ${id}`}
      action="Save"
      ready={id !== "" && content.trim() !== "" && jsonProblem(content) === undefined}
      onSave={save}
      onClose={onClose}
      wide
    >
      <div className="row-end">
        {configuration === undefined && (
          <Field
            label="Id"
            required
            className="grow"
            hint="Lower-case letters, digits and common signs"
          >
            <Input value={id} onChange={(_event, { value }) => setId(value)} />
          </Field>
        )}
        <Field label="Priority" hint="The highest wins" style={{ width: 140 }}>
          <Input
            type="number"
            value={priority}
            onChange={(_event, { value }) => setPriority(value)}
          />
        </Field>
      </div>
      <Field
        label="Target"
        hint="Of devices: tags.site = 'berlin'. Of modules: from devices.modules where …. * for all"
      >
        <Input className="mono" value={target} onChange={(_event, { value }) => setTarget(value)} />
      </Field>
      {configuration === undefined && (
        <div>
          <div className="field-name">Content; it can&apos;t be changed later</div>
          <JsonEditor label="Content" value={content} onChange={setContent} height={160} />
        </div>
      )}
    </FormDialog>
  );
}
