import { Button, MessageBar, MessageBarActions, MessageBarBody } from "@fluentui/react-components";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useChanges, whereIdentity } from "../../api/changes.ts";
import { isApiError } from "../../api/client.ts";
import type { IdentityKey } from "../../api/identities.ts";
import { mayDo } from "../../api/session.ts";
import { type TwinDocument, getTwin, patchTwin, twinKey, useTwin } from "../../api/twins.ts";
import { Empty, Loading } from "../../components/parts.tsx";
import { Problem } from "../../components/problem.tsx";
import { useNotify } from "../../components/toasts.tsx";
import { useSession } from "../../shell/session-context.ts";
import { ConflictDialog } from "./conflict-dialog.tsx";
import {
  type Draft,
  type Written,
  draftOf,
  hasMoved,
  patchOf,
  textOf,
  withWritten,
} from "./draft.ts";
import { HistoryStrip } from "./history-strip.tsx";
import { type HistoryEntry, historyOf } from "./history.ts";
import { MetadataTable } from "./metadata-table.tsx";
import { ReportedCard } from "./reported-card.tsx";
import { SaveBar } from "./save-bar.tsx";
import { SectionCard } from "./section-card.tsx";

/** How often the twin is read again, in milliseconds: beside a live stream, and without one. */
const slowly = 15_000;
const quickly = 1_500;

/** A twin: desired properties and tags to be edited, reported ones as they arrive. */
export function TwinTab(key: IdentityKey) {
  const session = useSession();
  const maySee = mayDo(session, "ServiceConnect");
  const live = useChanges(whereIdentity(key), maySee);
  const twin = useTwin(key, maySee ? (live.state === "live" ? slowly : quickly) : false);
  const newest = live.changes[0]?.sequence;
  const { refetch } = twin;
  useEffect(() => {
    if (newest !== undefined) void refetch({ cancelRefetch: false });
  }, [newest, refetch]);
  if (!maySee) return <Empty title="This policy sees no twins">It needs ServiceConnect.</Empty>;
  if (twin.data === undefined)
    return twin.error === null ? (
      <Loading />
    ) : (
      <Problem error={twin.error} retry={() => void twin.refetch()} />
    );
  return <TwinEditor identityKey={key} twin={twin.data} history={historyOf(live.changes)} />;
}

function TwinEditor(props: {
  readonly identityKey: IdentityKey;
  readonly twin: TwinDocument;
  readonly history: readonly HistoryEntry[];
}) {
  const { identityKey, twin, history } = props;
  const queries = useQueryClient();
  const notify = useNotify();
  const [draft, setDraft] = useState<Draft>(() => draftOf(twin));
  const [conflict, setConflict] = useState<TwinDocument | undefined>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const change = patchOf(draft);

  // As long as nothing is being written, the editors show what the hub has.
  useEffect(() => {
    setDraft((now) => (patchOf(now).kind === "none" && hasMoved(now, twin) ? draftOf(twin) : now));
  }, [twin]);

  const save = async (): Promise<void> => {
    if (change.kind !== "patch" || busy) return;
    setBusy(true);
    try {
      const written = await patchTwin(identityKey, change.patch, draft.base.etag);
      queries.setQueryData(twinKey(identityKey), written);
      setDraft(draftOf(written));
      setError(undefined);
      notify(`Saved version ${written.properties.desired.$version}`);
    } catch (thrown) {
      if (isApiError(thrown, 412)) setConflict(await getTwin(identityKey));
      else setError(thrown);
    } finally {
      setBusy(false);
    }
  };
  const take = (written: Written, newest: TwinDocument): void => {
    queries.setQueryData(twinKey(identityKey), newest);
    setDraft(withWritten(newest, written));
    setConflict(undefined);
  };

  return (
    <>
      {change.kind !== "none" && hasMoved(draft, twin) && (
        <MessageBar intent="warning" layout="multiline">
          <MessageBarBody>
            Somebody else has changed this twin since you began to edit.
          </MessageBarBody>
          <MessageBarActions>
            <Button onClick={() => setConflict(twin)} disabled={change.kind === "invalid"}>
              Compare
            </Button>
          </MessageBarActions>
        </MessageBar>
      )}
      <Problem error={error} />
      <div className="twin">
        <SectionCard
          title="Desired"
          name="Properties.Desired"
          note={`version ${twin.properties.desired.$version}`}
          text={draft.desired}
          onChange={(desired) => setDraft({ ...draft, desired })}
          onSubmit={() => void save()}
        />
        <ReportedCard section={twin.properties.reported} />
        <SectionCard
          title="Tags"
          name="Tags"
          note="seen by services only"
          text={draft.tags}
          onChange={(tags) => setDraft({ ...draft, tags })}
          onSubmit={() => void save()}
        />
      </div>
      <SaveBar
        change={change}
        busy={busy}
        onSave={() => void save()}
        onDiscard={() => setDraft(draftOf(twin))}
      />
      <HistoryStrip entries={history} />
      <MetadataTable twin={twin} />
      {conflict !== undefined && change.kind === "patch" && (
        <ConflictDialog
          base={draft.base}
          newest={conflict}
          mine={change.written}
          textOf={textOf}
          onTake={take}
          onClose={() => setConflict(undefined)}
        />
      )}
    </>
  );
}
