import { Button, ProgressBar } from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons/svg/add";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../api/client.ts";
import { useFiles } from "../api/files.ts";
import { mayDo } from "../api/session.ts";
import { type Transfer, folderOf, isOver, transfersKey, useTransfers } from "../api/transfers.ts";
import { Ago } from "../components/ago.tsx";
import { FileList } from "../components/file-list.tsx";
import { Card, Empty, Loading, PageHead } from "../components/parts.tsx";
import { Problem } from "../components/problem.tsx";
import { type Column, Table } from "../components/table.tsx";
import { useSession } from "../shell/session-context.ts";
import { CreateTransfer } from "./transfers/create-transfer.tsx";

/** Identities and twins of the whole hub, out into a file and back in. */
export function TransfersPage() {
  const session = useSession();
  const mayRead = mayDo(session, "RegistryRead");
  const mayWrite = session.rights.includes("RegistryWrite");
  const transfers = useTransfers(mayRead);
  const [creating, setCreating] = useState<"import" | "export" | undefined>();
  const [folder, setFolder] = useState<string | undefined>();
  return (
    <>
      <PageHead title="Import and export" sub="All identities with their twins, as a file">
        {mayWrite && (
          <>
            <Button
              appearance="primary"
              icon={<AddRegular />}
              onClick={() => setCreating("export")}
            >
              Export
            </Button>
            <Button onClick={() => setCreating("import")}>Import</Button>
          </>
        )}
      </PageHead>
      {!mayRead && (
        <Empty title="This policy sees no imports and exports">It needs RegistryRead.</Empty>
      )}
      <Problem error={transfers.error} />
      {mayRead && transfers.isPending && <Loading />}
      {transfers.data?.length === 0 && (
        <Empty title="There are no imports and exports yet">
          An export writes a line of JSON for each device and module; an import reads such lines.
        </Empty>
      )}
      {transfers.data !== undefined && transfers.data.length > 0 && (
        <Card>
          <Table
            label="Imports and exports"
            rows={transfers.data.toReversed()}
            columns={columns(mayWrite, setFolder)}
            rowKey={({ jobId }) => jobId}
          />
        </Card>
      )}
      {folder !== undefined && mayWrite && <FolderFiles folder={folder} />}
      {creating !== undefined && (
        <CreateTransfer type={creating} onClose={() => setCreating(undefined)} />
      )}
    </>
  );
}

function columns(mayWrite: boolean, show: (folder: string) => void): readonly Column<Transfer>[] {
  return [
    { name: "What", render: ({ type }) => type },
    { name: "Folder", render: (transfer) => <code>{folderOf(transfer)}</code> },
    {
      name: "State",
      render: ({ status, failureReason }) => (
        <>
          <span
            className={`dot ${status === "completed" ? "good" : status === "failed" ? "bad" : "busy"}`}
          >
            {status}
          </span>
          {failureReason !== null && <div className="note">{failureReason}</div>}
        </>
      ),
    },
    {
      name: "Progress",
      render: ({ jobId, progress }) => (
        <div style={{ minWidth: 140 }}>
          <ProgressBar aria-label={`Progress of ${jobId}`} value={progress / 100} />
          <span className="note">{progress} %</span>
        </div>
      ),
    },
    { name: "Started", render: ({ startTimeUtc }) => <Ago time={startTimeUtc} /> },
    {
      name: "Actions",
      render: (transfer) =>
        mayWrite ? (
          <div className="row">
            <Button
              size="small"
              aria-label={`Files of ${folderOf(transfer)}`}
              onClick={() => show(folderOf(transfer))}
            >
              Files
            </Button>
            {!isOver(transfer) && <CancelTransfer transfer={transfer} />}
          </div>
        ) : (
          <span className="note">needs RegistryWrite</span>
        ),
    },
  ];
}

function CancelTransfer({ transfer }: { readonly transfer: Transfer }) {
  const { jobId, type } = transfer;
  const queries = useQueryClient();
  const [error, setError] = useState<unknown>();
  const cancel = async (): Promise<void> => {
    try {
      await call("DELETE", `/jobs/${encodeURIComponent(jobId)}`);
      await queries.invalidateQueries({ queryKey: transfersKey });
    } catch (thrown) {
      setError(thrown);
    }
  };
  return (
    <>
      <Button size="small" aria-label={`Cancel the ${type}`} onClick={() => void cancel()}>
        Cancel
      </Button>
      <Problem error={error} />
    </>
  );
}

/** Result files: `devices.txt` of an export, `importErrors.log` of an import that could not apply everything. */
function FolderFiles({ folder }: { readonly folder: string }) {
  const files = useFiles(folder, { every: 2_000 });
  return (
    <Card title={`Files of ${folder}`} note="whoever has an export may have the keys in it">
      <Problem error={files.error} />
      {files.isPending && <Loading />}
      {files.data?.files.length === 0 && <Empty title="The folder is empty" />}
      {files.data !== undefined && files.data.files.length > 0 && (
        <FileList label={`Files of ${folder}`} folder={folder} files={files.data.files} />
      )}
    </Card>
  );
}
