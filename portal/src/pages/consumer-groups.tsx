import { Button, Field, Input, Select } from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons/svg/add";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { call, get } from "../api/client.ts";
import { useEndpoints } from "../api/routing.ts";
import { isOwner, mayDo } from "../api/session.ts";
import { Ago } from "../components/ago.tsx";
import { Confirm } from "../components/confirm.tsx";
import { FormDialog } from "../components/form-dialog.tsx";
import { Card, Empty, Loading, PageHead } from "../components/parts.tsx";
import { Problem } from "../components/problem.tsx";
import { type Column, Table } from "../components/table.tsx";
import { useNotify } from "../components/toasts.tsx";
import { consumerGroupsRoute } from "../router.tsx";
import { useSession } from "../shell/session-context.ts";

interface ConsumerGroup {
  readonly name: string;
  readonly createdTime: string;
}

/** It is always there. */
const defaultGroup = "$Default";

/** The hub's own event log. */
const builtIn = "events";

const listKey = ["consumerGroups"] as const;

/** Of all groups of a log, or of one. */
function pathOf(endpoint: string, name?: string): string {
  const one = name === undefined ? "" : `/${encodeURIComponent(name)}`;
  return `/$hub/consumer-groups${one}?endpoint=${encodeURIComponent(endpoint)}`;
}

/** Who reads the event log beside each other, each at a place of its own. */
export function ConsumerGroupsPage() {
  const session = useSession();
  const mayUse = mayDo(session, "ServiceConnect");
  const owner = isOwner(session);
  const { endpoint = builtIn } = consumerGroupsRoute.useSearch();
  const groups = useQuery({
    queryKey: [...listKey, endpoint],
    queryFn: ({ signal }) => get<readonly ConsumerGroup[]>(pathOf(endpoint), signal),
    refetchInterval: 5_000,
    enabled: mayUse,
  });
  const [creating, setCreating] = useState(false);
  const [asked, setAsked] = useState<string | undefined>();
  return (
    <>
      <PageHead
        title="Consumer groups"
        sub="Readers of the Event Hubs-compatible endpoint: each application reads in a group of its own"
      >
        {owner && (
          <Button appearance="primary" icon={<AddRegular />} onClick={() => setCreating(true)}>
            Create a consumer group
          </Button>
        )}
      </PageHead>
      {!mayUse && (
        <Empty title="This policy sees no consumer groups">It needs ServiceConnect.</Empty>
      )}
      <Problem error={groups.error} />
      {mayUse && groups.isPending && <Loading />}
      {mayUse && <LogChoice endpoint={endpoint} />}
      {groups.data !== undefined && (
        <Card>
          <Table
            label="Consumer groups"
            rows={groups.data}
            columns={columns(owner, setAsked)}
            rowKey={({ name }) => name}
          />
        </Card>
      )}
      {creating && <CreateGroup endpoint={endpoint} onClose={() => setCreating(false)} />}
      {asked !== undefined && (
        <DeleteGroup endpoint={endpoint} name={asked} onClose={() => setAsked(undefined)} />
      )}
    </>
  );
}

/** Which event log: the hub's own, or one of the endpoints that are logs. */
function LogChoice({ endpoint }: { readonly endpoint: string }) {
  const endpoints = useEndpoints();
  const navigate = useNavigate();
  const logs = (endpoints.data ?? []).filter(({ type }) => type === "log");
  if (logs.length === 0 && endpoint === builtIn) return null;
  const names = new Set([builtIn, ...logs.map(({ name }) => name), endpoint]);
  const choose = (name: string): void =>
    void navigate({
      to: "/consumer-groups",
      search: { endpoint: name === builtIn ? undefined : name },
    });
  return (
    <Field label="Event log" style={{ maxWidth: 320 }}>
      <Select value={endpoint} onChange={(_event, { value }) => choose(value)}>
        {[...names].map((name) => (
          <option key={name} value={name}>
            {name === builtIn ? "events (built in)" : name}
          </option>
        ))}
      </Select>
    </Field>
  );
}

function columns(owner: boolean, ask: (name: string) => void): readonly Column<ConsumerGroup>[] {
  const shown: readonly Column<ConsumerGroup>[] = [
    { name: "Consumer group", render: ({ name }) => name },
    {
      name: "Created",
      render: ({ name, createdTime }) =>
        name === defaultGroup ? <span>with the hub</span> : <Ago time={createdTime} />,
    },
  ];
  if (!owner) return shown;
  return [
    ...shown,
    {
      name: "Actions",
      render: ({ name }) =>
        name === defaultGroup ? (
          <span className="note">always there</span>
        ) : (
          <Button size="small" aria-label={`Delete ${name}`} onClick={() => ask(name)}>
            Delete
          </Button>
        ),
    },
  ];
}

function CreateGroup(props: { readonly endpoint: string; readonly onClose: () => void }) {
  const { endpoint, onClose } = props;
  const queries = useQueryClient();
  const notify = useNotify();
  const [name, setName] = useState("");
  return (
    <FormDialog
      title="Create a consumer group"
      action="Create"
      ready={name !== ""}
      onSave={async () => {
        await call("PUT", pathOf(endpoint, name));
        notify(`Created the consumer group ${name}`);
        await queries.invalidateQueries({ queryKey: listKey });
      }}
      onClose={onClose}
    >
      <Field label="Name" required hint="Letters, digits, dots, hyphens and underscores">
        <Input value={name} onChange={(_event, { value }) => setName(value)} />
      </Field>
    </FormDialog>
  );
}

function DeleteGroup(props: {
  readonly endpoint: string;
  readonly name: string;
  readonly onClose: () => void;
}) {
  const { endpoint, name, onClose } = props;
  const queries = useQueryClient();
  const notify = useNotify();
  return (
    <Confirm
      title={`Delete the consumer group ${name}?`}
      action="Delete"
      onConfirm={async () => {
        await call("DELETE", pathOf(endpoint, name));
        notify(`Deleted the consumer group ${name}`);
        await queries.invalidateQueries({ queryKey: listKey });
      }}
      onClose={onClose}
    >
      Its readers are disconnected. The messages stay in the event log.
    </Confirm>
  );
}
