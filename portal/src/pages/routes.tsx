import { Button, Switch } from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons/svg/add";
import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import {
  type Endpoint,
  type Enrichment,
  type Route,
  deleteRouting,
  routingKey,
  setFallback,
  useEndpoints,
  useEnrichments,
  useFallback,
  useRoutes,
} from "../api/routing.ts";
import { isOwner } from "../api/session.ts";
import { Confirm } from "../components/confirm.tsx";
import { Card, Empty, PageHead } from "../components/parts.tsx";
import { Problem } from "../components/problem.tsx";
import { type Column, Table } from "../components/table.tsx";
import { sizeText } from "../lib/size.ts";
import { useSession } from "../shell/session-context.ts";
import { EditEndpoint } from "./routing/edit-endpoint.tsx";
import { EditEnrichment } from "./routing/edit-enrichment.tsx";
import { EditRoute } from "./routing/edit-route.tsx";

type Dialogue =
  | { readonly kind: "none" }
  | { readonly kind: "route"; readonly route: Route | undefined }
  | { readonly kind: "endpoint" }
  | { readonly kind: "enrichment" }
  | {
      readonly kind: "delete";
      readonly collection: string;
      readonly name: string;
      readonly etag: string;
    };

/** Where messages go: routes, the endpoints they lead to, and what is added to messages on their way. */
export function RoutesPage() {
  const owner = isOwner(useSession());
  const [dialogue, setDialogue] = useState<Dialogue>({ kind: "none" });
  if (!owner) return <Empty title="Only owners see the routes" />;
  return (
    <>
      <PageHead title="Routes" sub="Where messages and the hub's own events go" />
      <Routes open={setDialogue} />
      <Endpoints open={setDialogue} />
      <Enrichments open={setDialogue} />
      <Dialogues dialogue={dialogue} close={() => setDialogue({ kind: "none" })} />
    </>
  );
}

interface Parts {
  readonly open: (dialogue: Dialogue) => void;
}

function remover(open: Parts["open"], collection: string, name: string, etag: string): ReactNode {
  return (
    <Button
      size="small"
      aria-label={`Delete ${name}`}
      onClick={() => open({ kind: "delete", collection, name, etag })}
    >
      Delete
    </Button>
  );
}

function Routes({ open }: Parts) {
  const routes = useRoutes();
  const columns: readonly Column<Route>[] = [
    { name: "Route", render: ({ name }) => name },
    { name: "Source", render: ({ source }) => source },
    { name: "Condition", render: ({ condition }) => <code>{condition || "every message"}</code> },
    { name: "Endpoints", render: ({ endpointNames }) => endpointNames.join(", ") },
    {
      name: "State",
      render: ({ isEnabled }) => (
        <span className={`dot ${isEnabled ? "good" : ""}`}>
          {isEnabled ? "enabled" : "disabled"}
        </span>
      ),
    },
    {
      name: "Actions",
      render: (route) => (
        <div className="row">
          <Button
            size="small"
            aria-label={`Edit ${route.name}`}
            onClick={() => open({ kind: "route", route })}
          >
            Edit
          </Button>
          {remover(open, "routes", route.name, route.etag)}
        </div>
      ),
    },
  ];
  return (
    <Card
      title="Routes"
      actions={
        <>
          <Fallback />
          <Button icon={<AddRegular />} onClick={() => open({ kind: "route", route: undefined })}>
            Add a route
          </Button>
        </>
      }
    >
      <Problem error={routes.error} />
      {routes.data?.length === 0 && (
        <Empty title="No routes yet">
          Messages go to the built-in endpoint by the fallback route. Twin changes go nowhere until
          a route takes them.
        </Empty>
      )}
      {routes.data !== undefined && routes.data.length > 0 && (
        <Table label="Routes" rows={routes.data} columns={columns} rowKey={({ name }) => name} />
      )}
    </Card>
  );
}

function Fallback() {
  const fallback = useFallback();
  const queries = useQueryClient();
  const set = async (on: boolean): Promise<void> => {
    await setFallback(on);
    await queries.invalidateQueries({ queryKey: routingKey });
  };
  return (
    <Switch
      label="Fallback route"
      checked={fallback.data?.isEnabled ?? false}
      disabled={fallback.data === undefined}
      onChange={(_event, { checked }) => void set(checked)}
    />
  );
}

const healthTones: Readonly<Record<Endpoint["healthStatus"], string>> = {
  unknown: "",
  healthy: "good",
  degraded: "busy",
  unhealthy: "bad",
};

function Address({ endpoint }: { readonly endpoint: Endpoint }) {
  if (endpoint.type === "webhook") return <code>{endpoint.url}</code>;
  const { partitionCount, retentionTimeInHours, maxPartitionBytes } = endpoint;
  const partitions = partitionCount === 1 ? "1 partition" : `${partitionCount} partitions`;
  return (
    <span>
      event log, {partitions} of at most {sizeText(maxPartitionBytes)}, kept for{" "}
      {retentionTimeInHours.toLocaleString("en")} h
    </span>
  );
}

function Endpoints({ open }: Parts) {
  const endpoints = useEndpoints();
  const columns: readonly Column<Endpoint>[] = [
    { name: "Endpoint", render: ({ name }) => name },
    {
      name: "Address",
      render: (endpoint) => <Address endpoint={endpoint} />,
    },
    {
      name: "Health",
      render: ({ healthStatus, lastKnownError }) => (
        <span className={`dot ${healthTones[healthStatus]}`} title={lastKnownError ?? undefined}>
          {healthStatus}
        </span>
      ),
    },
    { name: "Waiting", render: ({ waitingMessages }) => waitingMessages },
    {
      name: "Dead letters",
      render: ({ name, deadLetters }) =>
        deadLetters === 0 ? (
          "0"
        ) : (
          <Link
            to="/routes/$endpoint/dead-letters"
            params={{ endpoint: name }}
            className="link"
            aria-label={`${deadLetters} dead letters of ${name}`}
          >
            {deadLetters.toLocaleString("en")}
          </Link>
        ),
    },
    {
      name: "Actions",
      render: ({ name, etag }) => remover(open, "endpoints", name, etag),
    },
  ];
  return (
    <Card
      title="Endpoints"
      note="besides the built-in one, events"
      actions={
        <Button icon={<AddRegular />} onClick={() => open({ kind: "endpoint" })}>
          Add an endpoint
        </Button>
      }
    >
      <Problem error={endpoints.error} />
      {endpoints.data?.length === 0 && <Empty title="Only the built-in endpoint" />}
      {endpoints.data !== undefined && endpoints.data.length > 0 && (
        <Table
          label="Endpoints"
          rows={endpoints.data}
          columns={columns}
          rowKey={({ name }) => name}
        />
      )}
    </Card>
  );
}

function Enrichments({ open }: Parts) {
  const enrichments = useEnrichments();
  const columns: readonly Column<Enrichment>[] = [
    { name: "Property", render: ({ key }) => <code>{key}</code> },
    { name: "Value", render: ({ value }) => <code>{value}</code> },
    { name: "Endpoints", render: ({ endpointNames }) => endpointNames.join(", ") },
    { name: "Actions", render: ({ key, etag }) => remover(open, "enrichments", key, etag) },
  ];
  return (
    <Card
      title="Enrichments"
      note="properties that the hub adds to messages"
      actions={
        <Button icon={<AddRegular />} onClick={() => open({ kind: "enrichment" })}>
          Add an enrichment
        </Button>
      }
    >
      <Problem error={enrichments.error} />
      {enrichments.data?.length === 0 && <Empty title="Messages go as they came" />}
      {enrichments.data !== undefined && enrichments.data.length > 0 && (
        <Table
          label="Enrichments"
          rows={enrichments.data}
          columns={columns}
          rowKey={({ key }) => key}
        />
      )}
    </Card>
  );
}

function Dialogues({
  dialogue,
  close,
}: {
  readonly dialogue: Dialogue;
  readonly close: () => void;
}) {
  const queries = useQueryClient();
  switch (dialogue.kind) {
    case "none":
      return null;
    case "route":
      return <EditRoute route={dialogue.route} onClose={close} />;
    case "endpoint":
      return <EditEndpoint onClose={close} />;
    case "enrichment":
      return <EditEnrichment onClose={close} />;
    case "delete": {
      const { collection, name, etag } = dialogue;
      return (
        <Confirm
          title={`Delete ${name}?`}
          action="Delete"
          onConfirm={async () => {
            await deleteRouting(collection, name, etag);
            await queries.invalidateQueries({ queryKey: routingKey });
          }}
          onClose={close}
        >
          Messages that come from now on are no longer sent by it.
        </Confirm>
      );
    }
  }
}
