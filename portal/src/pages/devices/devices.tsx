import { Button, Input, Link as FluentLink } from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons/svg/add";
import { SearchRegular } from "@fluentui/react-icons/svg/search";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { mayDo } from "../../api/session.ts";
import { Ago } from "../../components/ago.tsx";
import {
  ConnectionDot,
  Card,
  Empty,
  Loading,
  PageHead,
  StatusDot,
} from "../../components/parts.tsx";
import { Problem } from "../../components/problem.tsx";
import { VirtualTable } from "../../components/virtual-table.tsx";
import { devicesRoute } from "../../router.tsx";
import { useSession } from "../../shell/session-context.ts";
import { CreateIdentity } from "../identity/create-identity.tsx";
import { authenticationNames } from "../identity/words.ts";
import { type DeviceRow, useDevices } from "./device-rows.ts";

const columns = [
  {
    name: "Device",
    width: "minmax(180px, 2fr)",
    render: (row: DeviceRow) => (
      <Link
        to="/devices/$deviceId"
        params={{ deviceId: row.deviceId }}
        search={{ tab: undefined }}
        className="link"
      >
        {row.deviceId}
      </Link>
    ),
  },
  {
    name: "Connection",
    width: "150px",
    render: (row: DeviceRow) => <ConnectionDot state={row.connectionState} />,
  },
  { name: "Status", width: "120px", render: (row: DeviceRow) => <StatusDot status={row.status} /> },
  {
    name: "Authentication",
    width: "minmax(130px, 1fr)",
    render: (row: DeviceRow) => authenticationNames[row.authenticationType],
  },
  {
    name: "Last activity",
    width: "minmax(120px, 1fr)",
    render: (row: DeviceRow) => <Ago time={row.lastActivityTime} />,
  },
];

/** All devices, found by the beginning of an id or by a condition of the query language. */
export function DevicesPage() {
  const { q, where } = devicesRoute.useSearch();
  const navigate = devicesRoute.useNavigate();
  const session = useSession();
  const [creating, setCreating] = useState(false);
  const devices = useDevices(q, where);
  const show = (next: { q?: string; where?: string }): void =>
    void navigate({
      search: { q: next.q || undefined, where: next.where || undefined },
      replace: true,
    });

  return (
    <>
      <PageHead title="Devices" sub="Devices and, below them, their modules">
        {mayDo(session, "RegistryWrite") && (
          <Button appearance="primary" icon={<AddRegular />} onClick={() => setCreating(true)}>
            Create a device
          </Button>
        )}
      </PageHead>
      <Card>
        <div className="stack">
          <div className="row" role="search">
            <Input
              aria-label="Device id begins with"
              placeholder="Device id begins with"
              contentBefore={<SearchRegular />}
              value={q ?? ""}
              onChange={(_event, { value }) => show({ q: value, ...(where ? { where } : {}) })}
            />
            {devices.byQuery && (
              <Where
                key={where}
                where={where ?? ""}
                onShow={(value) => show({ ...(q ? { q } : {}), where: value })}
              />
            )}
            <span className="note" role="status">
              {devices.summary}
            </span>
          </div>
          <Problem error={devices.error} retry={devices.reload} />
          <Rows
            devices={devices}
            onCreate={() => setCreating(true)}
            filtered={Boolean(q ?? where)}
          />
        </div>
      </Card>
      {creating && <CreateIdentity onClose={() => setCreating(false)} />}
    </>
  );
}

function Where({
  where,
  onShow,
}: {
  readonly where: string;
  readonly onShow: (text: string) => void;
}) {
  const [text, setText] = useState(where);
  return (
    <form
      className="grow row"
      onSubmit={(event) => {
        event.preventDefault();
        onShow(text);
      }}
    >
      <Input
        className="grow mono"
        aria-label="Condition"
        placeholder="tags.site = 'berlin' AND properties.reported.battery < 20"
        value={text}
        onChange={(_event, { value }) => setText(value)}
      />
      <Button type="submit">Filter</Button>
    </form>
  );
}

function Rows(props: {
  readonly devices: ReturnType<typeof useDevices>;
  readonly filtered: boolean;
  readonly onCreate: () => void;
}) {
  const { devices, filtered } = props;
  if (devices.isPending) return <Loading />;
  if (devices.rows.length > 0)
    return (
      <VirtualTable
        label="Devices"
        rows={devices.rows}
        columns={columns}
        rowKey={(row) => row.deviceId}
        total={-1}
        onEnd={devices.more}
      />
    );
  if (devices.error !== null) return null;
  if (filtered) return <Empty title="No device fits" />;
  return (
    <Empty title="There are no devices yet">
      <FluentLink onClick={props.onCreate}>Create the first one</FluentLink>
    </Empty>
  );
}
