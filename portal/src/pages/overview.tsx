import { Link } from "@tanstack/react-router";
import type { CSSProperties } from "react";
import { useLastChange } from "../api/changes.ts";
import { overviewInterval, policyConnectionString, useOverview, usePolicies } from "../api/hub.ts";
import { bodyText, useEvents } from "../api/events.ts";
import { isOwner, mayDo } from "../api/session.ts";
import { LinePlot } from "../components/line-plot.tsx";
import { Card, Empty, Loading, PageHead } from "../components/parts.tsx";
import { Problem } from "../components/problem.tsx";
import { Secret } from "../components/secret.tsx";
import { clockTime } from "../lib/time.ts";
import { useSession } from "../shell/session-context.ts";
import { useRates } from "./overview/rates.ts";
import { SetUpSteps } from "./overview/set-up-steps.tsx";

/** The hub at a glance. */
export function OverviewPage() {
  const session = useSession();
  const maySee = mayDo(session, "RegistryRead") && mayDo(session, "ServiceConnect");
  return (
    <>
      <PageHead title="Overview" sub={session.hostName} />
      {maySee ? (
        <Counts />
      ) : (
        <Empty title="This policy sees no counts">It needs RegistryRead and ServiceConnect.</Empty>
      )}
      <div className="grid">
        <Connect />
        {mayDo(session, "ServiceConnect") && <RecentEvents />}
      </div>
    </>
  );
}

function Counts() {
  const overview = useOverview();
  const last = useLastChange(overviewInterval);
  const rates = useRates(overview.data, last.data ?? null);
  if (overview.data === undefined)
    return overview.error === null ? <Loading /> : <Problem error={overview.error} />;
  const { devices, modules, partitions } = overview.data;
  const messages = partitions.reduce((sum, { lastSequenceNumber }) => sum + lastSequenceNumber, 0);
  return (
    <div className="grid">
      <Stat
        name="Devices"
        value={devices.total}
        more={`${devices.enabled} enabled, ${devices.disabled} disabled`}
        to="/devices"
      />
      <Stat
        name="Modules"
        value={modules.total}
        more={`${modules.connected} connected`}
        to="/devices"
        search={{ kind: "modules" }}
      />
      <Stat
        name="Connected now"
        value={devices.connected + modules.connected}
        more={`${devices.connected} devices, ${modules.connected} modules`}
        to="/connections"
      />
      <Stat
        name="Messages"
        value={messages}
        more={`in ${partitions.length} partitions`}
        to="/telemetry"
      />
      <Card title="Per second" note={<Legend />} className="span-12">
        <LinePlot
          label="Per second"
          times={rates.times}
          series={[
            { name: "messages", colour: seriesColours.messages, values: rates.messages },
            { name: "changes", colour: seriesColours.changes, values: rates.changes },
          ]}
        />
      </Card>
    </div>
  );
}

const seriesColours = {
  messages: "--colorBrandForeground1",
  changes: "--colorPaletteBerryForeground1",
} as const;

function Legend() {
  return (
    <span className="legend">
      <span style={{ "--legend-color": `var(${seriesColours.messages})` } as CSSProperties}>
        messages
      </span>
      <span style={{ "--legend-color": `var(${seriesColours.changes})` } as CSSProperties}>
        changes of twins, identities and connections
      </span>
    </span>
  );
}

function Stat(props: {
  readonly name: string;
  readonly value: number;
  readonly more: string;
  readonly to: string;
  readonly search?: object;
}) {
  return (
    <Link to={props.to} search={(props.search ?? {}) as never} className="card stat plain span-3">
      <div className="name">{props.name}</div>
      <div className="value">{props.value.toLocaleString("en")}</div>
      <div className="more">{props.more}</div>
    </Link>
  );
}

/** What a program needs to reach this hub. */
function Connect() {
  const session = useSession();
  const policies = usePolicies(isOwner(session));
  const owner = policies.data?.find(({ name }) => name === session.policy);
  const service = policies.data?.find(({ name }) => name === "service");
  return (
    <Card title="Connect to this hub" className="span-6">
      <div className="stack">
        {[owner, service].map((policy) =>
          policy === undefined ? null : (
            <Secret
              key={policy.name}
              label={`Connection string of ${policy.name}`}
              value={policyConnectionString(session.hostName, policy)}
              hint={policyConnectionString(session.hostName, {
                ...policy,
                primaryKey: "•".repeat(12),
              })}
            />
          ),
        )}
        <SetUpSteps hostName={session.hostName} />
        <p className="note">
          The hub has a certificate authority of its own: clients have to trust{" "}
          <a className="link" href="/$hub/ca.pem" download="twinhub-ca.pem">
            its CA certificate
          </a>
          .
        </p>
      </div>
    </Card>
  );
}

/** Rows of the newest messages. */
const shown = 12;

function RecentEvents() {
  const events = useEvents({ from: recently() });
  return (
    <Card title="Recent messages" note="from the last minutes, live" className="span-6">
      {events.messages.length === 0 && <Empty title="Nothing in the last minutes" />}
      <ul className="messages">
        {events.messages.slice(0, shown).map((message) => (
          <li key={`${message.partition}-${message.sequenceNumber}`}>
            <div className="message-line compact">
              <span className="mono">{clockTime(message.enqueuedTime)}</span>
              <span>
                {message.moduleId === undefined
                  ? message.deviceId
                  : `${message.deviceId} / ${message.moduleId}`}
              </span>
              <code>{bodyText(message)}</code>
            </div>
          </li>
        ))}
      </ul>
    </Card>
  );
}

/** Minutes of messages that the page begins with. */
const lookBack = 10;
const opened = new Date(Date.now() - lookBack * 60_000).toISOString();

/** One time for as long as the portal is open: another one would be another stream. */
function recently(): string {
  return opened;
}
