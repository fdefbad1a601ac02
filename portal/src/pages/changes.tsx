import { Button, Input } from "@fluentui/react-components";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { type HubChange, useChanges } from "../api/changes.ts";
import { Card, Empty, PageHead } from "../components/parts.tsx";
import { Problem } from "../components/problem.tsx";
import { StreamDot } from "../components/stream-dot.tsx";
import { clockTime } from "../lib/time.ts";
import { changesRoute } from "../router.tsx";

const names: Readonly<Record<string, string>> = {
  updateTwin: "twin changed",
  replaceTwin: "twin replaced",
  createIdentity: "created",
  updateIdentity: "identity changed",
  deleteIdentity: "deleted",
};

/** The change feed: what twins and identities have become, in the order of commits. */
export function ChangesPage() {
  const { where } = changesRoute.useSearch();
  const navigate = changesRoute.useNavigate();
  const [text, setText] = useState(where ?? "");
  const live = useChanges(where);
  return (
    <>
      <PageHead
        title="Changes"
        sub="Every change of a twin or an identity, in the order of commits"
      />
      <Card>
        <form
          className="row"
          onSubmit={(event) => {
            event.preventDefault();
            void navigate({ search: { where: text === "" ? undefined : text } });
          }}
        >
          <Input
            className="grow mono"
            aria-label="Condition"
            placeholder="tags.site = 'berlin'"
            value={text}
            onChange={(_event, { value }) => setText(value)}
          />
          <Button type="submit">Filter</Button>
        </form>
      </Card>
      <Problem error={live.error} />
      <Card title="Newest first" note={<StreamDot state={live.state} />}>
        {live.changes.length === 0 && <Empty title="No changes" />}
        <ul className="messages" aria-label="Changes">
          {live.changes.map((change) => (
            <li key={change.sequence}>
              <div className="message-line still">
                <span className="mono">{clockTime(change.time)}</span>
                <ChangedIdentity change={change} />
                <span className="note">{names[change.type] ?? change.type}</span>
                <code>{detail(change)}</code>
              </div>
            </li>
          ))}
        </ul>
      </Card>
    </>
  );
}

function ChangedIdentity({ change }: { readonly change: HubChange }) {
  const { deviceId, moduleId, type } = change;
  const name = moduleId === undefined ? deviceId : `${deviceId} / ${moduleId}`;
  if (type === "deleteIdentity") return <span>{name}</span>;
  if (moduleId === undefined) {
    return (
      <Link
        to="/devices/$deviceId"
        params={{ deviceId }}
        search={{ tab: undefined }}
        className="link"
      >
        {name}
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
      {name}
    </Link>
  );
}

function detail({ properties, tags, status }: HubChange): string {
  const parts: Record<string, unknown> = {
    ...(properties?.desired === undefined ? {} : { desired: properties.desired }),
    ...(properties?.reported === undefined ? {} : { reported: properties.reported }),
    ...(tags === undefined ? {} : { tags }),
    ...(status === undefined ? {} : { status }),
  };
  return Object.keys(parts).length === 0
    ? ""
    : JSON.stringify(parts, (key, value: unknown) => (key === "$metadata" ? undefined : value));
}
