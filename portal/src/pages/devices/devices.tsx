import { Button, Input, Link as FluentLink, Tab, TabList } from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons/svg/add";
import { SearchRegular } from "@fluentui/react-icons/svg/search";
import { Suspense, lazy, useState } from "react";
import { mayDo } from "../../api/session.ts";
import { keyName } from "../../api/identities.ts";
import { Ago } from "../../components/ago.tsx";
import { DelayedInput } from "../../components/delayed-input.tsx";
import {
  ConnectionDot,
  Card,
  Empty,
  Loading,
  PageHead,
  StatusDot,
} from "../../components/parts.tsx";
import { IdentityLink } from "../../components/identity-link.tsx";
import { Problem } from "../../components/problem.tsx";
import { VirtualTable } from "../../components/virtual-table.tsx";
import { devicesRoute } from "../../router.tsx";
import { useSession } from "../../shell/session-context.ts";
import { authenticationNames } from "../identity/words.ts";
import { type DeviceRow, type DeviceRows, type Kind, useDevices } from "./device-rows.ts";

/** Only who makes a device needs it. */
const CreateIdentity = lazy(async () => {
  const { CreateIdentity: component } = await import("../identity/create-identity.tsx");
  return { default: component };
});

const device = {
  name: "Device",
  width: "minmax(180px, 2fr)",
  render: ({ deviceId }: DeviceRow) => (
    <IdentityLink identity={{ deviceId }}>{deviceId}</IdentityLink>
  ),
};

const module = {
  name: "Module",
  width: "minmax(180px, 2fr)",
  render: (row: DeviceRow) => <IdentityLink identity={row}>{row.moduleId}</IdentityLink>,
};

const status = {
  name: "Status",
  width: "120px",
  render: (row: DeviceRow) => <StatusDot status={row.status} />,
};

const others = [
  {
    name: "Connection",
    width: "150px",
    render: (row: DeviceRow) => <ConnectionDot state={row.connectionState} />,
  },
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

const columns = { devices: [device, status, ...others], modules: [device, module, ...others] };

/** All devices, or all modules of all devices, found by the beginning of an id or by a condition of the query language. */
export function DevicesPage() {
  const { q, where, kind: wanted } = devicesRoute.useSearch();
  const navigate = devicesRoute.useNavigate();
  const session = useSession();
  const [creating, setCreating] = useState(false);
  const kind: Kind = wanted === "modules" && mayDo(session, "ServiceConnect") ? wanted : "devices";
  const devices = useDevices(kind, q, where);
  const show = (part: { q?: string; where?: string; kind?: Kind }): void =>
    void navigate({
      search: (before) => ({
        q: (part.q ?? before.q) || undefined,
        where: (part.where ?? before.where) || undefined,
        kind: (part.kind ?? before.kind) === "modules" ? "modules" : undefined,
      }),
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
          {devices.byQuery && (
            <TabList
              size="small"
              selectedValue={kind}
              onTabSelect={(_event, { value }) => show({ kind: value as Kind })}
              aria-label="List"
            >
              <Tab value="devices">Devices</Tab>
              <Tab value="modules">All modules</Tab>
            </TabList>
          )}
          <div className="row" role="search">
            <DelayedInput
              aria-label="Device id begins with"
              placeholder="Device id begins with"
              contentBefore={<SearchRegular />}
              value={q ?? ""}
              onText={(text) => show({ q: text })}
            />
            {devices.byQuery && (
              <Where key={where} where={where ?? ""} onShow={(value) => show({ where: value })} />
            )}
            <span className="note" role="status">
              {devices.summary}
            </span>
          </div>
          <Problem error={devices.error} retry={devices.reload} />
          <Rows
            kind={kind}
            devices={devices}
            onCreate={() => setCreating(true)}
            filtered={Boolean(q ?? where)}
          />
        </div>
      </Card>
      <Suspense>{creating && <CreateIdentity onClose={() => setCreating(false)} />}</Suspense>
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
  readonly kind: Kind;
  readonly devices: DeviceRows;
  readonly filtered: boolean;
  readonly onCreate: () => void;
}) {
  const { devices, filtered, kind } = props;
  if (devices.isPending) return <Loading />;
  if (devices.rows.length > 0)
    return (
      <VirtualTable
        label={kind === "devices" ? "Devices" : "Modules"}
        rows={devices.rows}
        columns={columns[kind]}
        rowKey={keyName}
        total={devices.total === undefined ? -1 : devices.total + 1}
        onShow={devices.show}
      />
    );
  if (devices.error !== null) return null;
  if (filtered) return <Empty title={kind === "devices" ? "No device fits" : "No module fits"} />;
  if (kind === "modules") return <Empty title="There are no modules yet" />;
  return (
    <Empty title="There are no devices yet">
      <FluentLink onClick={props.onCreate}>Create the first one</FluentLink>
    </Empty>
  );
}
