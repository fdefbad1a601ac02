import { Link } from "@tanstack/react-router";
import {
  type Connection,
  type EndedConnection,
  useConnections,
  useEndedConnections,
} from "../api/hub.ts";
import { Ago } from "../components/ago.tsx";
import { Card, Empty, Loading, PageHead } from "../components/parts.tsx";
import { Problem } from "../components/problem.tsx";
import { VirtualTable } from "../components/virtual-table.tsx";

/** Why connections end, as the hub records it. */
const reasons: Readonly<Record<string, string>> = {
  newerConnection: "the same identity connected again",
  clientDisconnected: "the client left",
  networkLost: "the network was lost",
  keepAliveExpired: "the client was silent for too long",
  tokenExpired: "its token ended",
  identityDisabled: "the device was disabled",
  identityDeleted: "the identity was deleted",
  credentialsChanged: "its key was replaced",
  protocolError: "it broke the protocol",
  messageTooLarge: "its message was too large",
  slowReader: "it did not read fast enough",
  faultInjection: "a fault was asked for",
  hubStopping: "the hub stopped",
  hubError: "the hub failed",
};

function IdentityLink({ deviceId, moduleId }: Connection) {
  if (moduleId === undefined) {
    return (
      <Link
        to="/devices/$deviceId"
        params={{ deviceId }}
        search={{ tab: undefined }}
        className="link"
      >
        {deviceId}
      </Link>
    );
  }
  return (
    <Link
      to="/devices/$deviceId/modules/$moduleId"
      params={{ deviceId, moduleId }}
      search={{ tab: undefined }}
      className="link"
    >
      {deviceId} / {moduleId}
    </Link>
  );
}

const columns = [
  {
    name: "Identity",
    width: "minmax(200px, 2fr)",
    render: (row: Connection) => <IdentityLink {...row} />,
  },
  { name: "Protocol", width: "110px", render: (row: Connection) => row.protocol },
  {
    name: "Proof",
    width: "150px",
    render: (row: Connection) => `${row.auth.type} of the ${row.auth.scope}`,
  },
  {
    name: "Since",
    width: "minmax(120px, 1fr)",
    render: (row: Connection) => <Ago time={row.since} />,
  },
];

const endedColumns = [
  {
    name: "Identity",
    width: "minmax(200px, 2fr)",
    render: (row: EndedConnection) => <IdentityLink {...row} />,
  },
  { name: "Protocol", width: "110px", render: (row: EndedConnection) => row.protocol },
  {
    name: "Ended because",
    width: "minmax(220px, 2fr)",
    render: (row: EndedConnection) => (
      <span title={row.reason}>{reasons[row.reason] ?? row.reason}</span>
    ),
  },
  {
    name: "Ended",
    width: "minmax(120px, 1fr)",
    render: (row: EndedConnection) => <Ago time={row.until} />,
  },
];

/** Who is connected, and why the newest connections ended. */
export function ConnectionsPage() {
  const live = useConnections();
  const ended = useEndedConnections();
  return (
    <>
      <PageHead
        title="Connections"
        sub="One live connection for each device and module: the newest wins"
      />
      <Card title="Connected now" note={live.data === undefined ? "" : `${live.data.length}`}>
        <Problem error={live.error} />
        {live.isPending && <Loading />}
        {live.data?.length === 0 && <Empty title="Nobody is connected" />}
        {live.data !== undefined && live.data.length > 0 && (
          <div className="half">
            <VirtualTable
              label="Connected now"
              rows={live.data}
              columns={columns}
              rowKey={(row) => `${row.deviceId}/${row.moduleId ?? ""}`}
            />
          </div>
        )}
      </Card>
      <Card title="Ended" note="newest first">
        <Problem error={ended.error} />
        {ended.data?.length === 0 && <Empty title="No connection has ended yet" />}
        {ended.data !== undefined && ended.data.length > 0 && (
          <div className="half">
            <VirtualTable
              label="Ended connections"
              rows={ended.data}
              columns={endedColumns}
              rowKey={(row) => `${row.deviceId}/${row.moduleId ?? ""}/${row.since}/${row.until}`}
            />
          </div>
        )}
      </Card>
    </>
  );
}
