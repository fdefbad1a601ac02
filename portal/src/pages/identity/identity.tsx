import { Button, Tab, TabList } from "@fluentui/react-components";
import { DeleteRegular } from "@fluentui/react-icons/svg/delete";
import { useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type ReactNode, Suspense, lazy, useState } from "react";
import {
  type Identity,
  type IdentityKey,
  deleteIdentity,
  keyName,
  useIdentity,
} from "../../api/identities.ts";
import { mayDo } from "../../api/session.ts";
import { Confirm } from "../../components/confirm.tsx";
import { ConnectionDot, Loading, PageHead, StatusDot } from "../../components/parts.tsx";
import { Problem } from "../../components/problem.tsx";
import { useNotify } from "../../components/toasts.tsx";
import { deviceRoute, moduleRoute } from "../../router.tsx";
import { useSession } from "../../shell/session-context.ts";
import { FilesTab } from "./files-tab.tsx";
import { IdentityTab } from "./identity-tab.tsx";
import { MessagesTab } from "./messages-tab.tsx";
import { MethodsTab } from "./methods-tab.tsx";
import { ModulesTab } from "./modules-tab.tsx";
import { TelemetryTab } from "./telemetry-tab.tsx";

const TwinTab = lazy(async () => ({ default: (await import("../twin/twin-tab.tsx")).TwinTab }));

const tabs = [
  { value: "twin", text: "Twin", devicesOnly: false },
  { value: "modules", text: "Modules", devicesOnly: true },
  { value: "identity", text: "Identity and keys", devicesOnly: false },
  { value: "methods", text: "Direct methods", devicesOnly: false },
  { value: "messages", text: "Messages to the device", devicesOnly: true },
  { value: "telemetry", text: "Telemetry", devicesOnly: false },
  { value: "files", text: "Files", devicesOnly: true },
] as const;

type TabName = (typeof tabs)[number]["value"];

export function DevicePage() {
  const { deviceId } = deviceRoute.useParams();
  const { tab } = deviceRoute.useSearch();
  return <IdentityPage identityKey={{ deviceId }} tab={tab} />;
}

export function ModulePage() {
  const { deviceId, moduleId } = moduleRoute.useParams();
  const { tab } = moduleRoute.useSearch();
  return <IdentityPage identityKey={{ deviceId, moduleId }} tab={tab} />;
}

/** A device or a module: the same page, because they are the same kind of thing. */
function IdentityPage(props: {
  readonly identityKey: IdentityKey;
  readonly tab: string | undefined;
}) {
  const key = props.identityKey;
  const session = useSession();
  const navigate = useNavigate();
  const mayRead = mayDo(session, "RegistryRead");
  const identity = useIdentity(key);
  const shown = tabs.filter(({ devicesOnly }) => !devicesOnly || key.moduleId === undefined);
  const tab = shown.find(({ value }) => value === props.tab)?.value ?? "twin";
  const open = (value: TabName): void =>
    void navigate({ to: ".", search: { tab: value === "twin" ? undefined : value } } as never);

  return (
    <>
      <PageHead
        title={key.moduleId ?? key.deviceId}
        crumbs={<Crumbs {...key} />}
        sub={identity.data === undefined ? undefined : <Summary identity={identity.data} />}
      >
        {identity.data !== undefined && mayDo(session, "RegistryWrite") && (
          <DeleteIdentity {...key} />
        )}
      </PageHead>
      {mayRead && <Problem error={identity.error} retry={() => void identity.refetch()} />}
      <TabList
        selectedValue={tab}
        onTabSelect={(_event, { value }) => open(value as TabName)}
        style={{ overflowX: "auto" }}
        aria-label={`About ${keyName(key)}`}
      >
        {shown.map(({ value, text }) => (
          <Tab key={value} value={value} id={`tab-${value}`} aria-controls={`panel-${value}`}>
            {text}
          </Tab>
        ))}
      </TabList>
      <div role="tabpanel" id={`panel-${tab}`} aria-labelledby={`tab-${tab}`} className="stack">
        <Panel tab={tab} identityKey={key} identity={identity.data} />
      </div>
    </>
  );
}

function Panel(props: {
  readonly tab: TabName;
  readonly identityKey: IdentityKey;
  readonly identity: Identity | undefined;
}): ReactNode {
  const { tab, identityKey: key, identity } = props;
  switch (tab) {
    case "twin":
      return (
        <Suspense fallback={<Loading />}>
          <TwinTab key={keyName(key)} {...key} />
        </Suspense>
      );
    case "modules":
      return <ModulesTab deviceId={key.deviceId} />;
    case "identity":
      return identity === undefined ? <Loading /> : <IdentityTab identity={identity} />;
    case "methods":
      return <MethodsTab {...key} />;
    case "messages":
      return <MessagesTab deviceId={key.deviceId} waiting={identity?.cloudToDeviceMessageCount} />;
    case "telemetry":
      return <TelemetryTab {...key} />;
    case "files":
      return <FilesTab key={key.deviceId} deviceId={key.deviceId} />;
  }
}

function Crumbs({ deviceId, moduleId }: IdentityKey) {
  return (
    <>
      <Link to="/devices" search={{ q: undefined, where: undefined }} className="link">
        Devices
      </Link>
      <span aria-hidden="true">/</span>
      {moduleId === undefined ? (
        <span>{deviceId}</span>
      ) : (
        <>
          <Link
            to="/devices/$deviceId"
            params={{ deviceId }}
            search={{ tab: "modules" }}
            className="link"
          >
            {deviceId}
          </Link>
          <span aria-hidden="true">/</span>
          <span>{moduleId}</span>
        </>
      )}
    </>
  );
}

function Summary({ identity }: { readonly identity: Identity }) {
  return (
    <span className="row" style={{ gap: 16 }}>
      <ConnectionDot state={identity.connectionState} />
      {identity.status !== undefined && <StatusDot status={identity.status} />}
      <span>{identity.moduleId === undefined ? "Device" : "Module"}</span>
    </span>
  );
}

function DeleteIdentity({ deviceId, moduleId }: IdentityKey) {
  const [asking, setAsking] = useState(false);
  const navigate = useNavigate();
  const queries = useQueryClient();
  const notify = useNotify();
  const what = moduleId === undefined ? "device" : "module";
  const remove = async (): Promise<void> => {
    await deleteIdentity({ deviceId, moduleId });
    notify(`Deleted the ${what} ${moduleId ?? deviceId}`);
    await (moduleId === undefined
      ? navigate({ to: "/devices", search: { q: undefined, where: undefined } })
      : navigate({ to: "/devices/$deviceId", params: { deviceId }, search: { tab: "modules" } }));
    await queries.invalidateQueries({ queryKey: ["devices"] });
    await queries.invalidateQueries({ queryKey: ["modules", deviceId] });
  };
  return (
    <>
      <Button icon={<DeleteRegular />} onClick={() => setAsking(true)}>
        Delete
      </Button>
      {asking && (
        <Confirm
          title={`Delete the ${what} ${moduleId ?? deviceId}?`}
          action="Delete"
          type={moduleId ?? deviceId}
          onConfirm={remove}
          onClose={() => setAsking(false)}
        >
          Its keys, its twin and its waiting messages are deleted with it, and its connection ends
          {moduleId === undefined ? "; so are all its modules" : ""}. This can&apos;t be undone.
        </Confirm>
      )}
    </>
  );
}
