import { Button } from "@fluentui/react-components";
import { useState } from "react";
import { type FilesState, useFiles, useFilesState } from "../../api/files.ts";
import { mayDo } from "../../api/session.ts";
import { Ago } from "../../components/ago.tsx";
import { FileList } from "../../components/file-list.tsx";
import { Card, Empty, Facts, Loading } from "../../components/parts.tsx";
import { Problem } from "../../components/problem.tsx";
import { Table } from "../../components/table.tsx";
import { useSession } from "../../shell/session-context.ts";

/** How often the files are listed again, in milliseconds. */
const every = 5_000;

/** What the device has uploaded, what it is uploading, and whether services hear of it. */
export function FilesTab({ deviceId }: { readonly deviceId: string }) {
  const mayUse = mayDo(useSession(), "ServiceConnect");
  if (!mayUse) return <Empty title="This policy sees no files">It needs ServiceConnect.</Empty>;
  return <Files deviceId={deviceId} />;
}

function Files({ deviceId }: { readonly deviceId: string }) {
  const state = useFilesState();
  if (state.data === undefined)
    return state.error === null ? <Loading /> : <Problem error={state.error} />;
  switch (state.data.storage) {
    case "none":
      return <Empty title="File upload is turned off at this hub" />;
    case "account":
      return (
        <Empty title="The files are in an account of Azure Storage">
          The hub has no list of them: look in that account, below <code>{deviceId}/</code>.
        </Empty>
      );
    case "own":
      return (
        <>
          <Uploaded deviceId={deviceId} />
          <Notifications state={state.data} />
        </>
      );
  }
}

function Uploaded({ deviceId }: { readonly deviceId: string }) {
  /** The last names of the pages before this one. */
  const [before, setBefore] = useState<readonly string[]>([]);
  const files = useFiles(deviceId, { after: before.at(-1), every });
  const last = files.data?.files.at(-1)?.blobName;
  return (
    <>
      <Card
        title="Uploaded files"
        note="by name"
        actions={
          <>
            {before.length > 0 && (
              <Button onClick={() => setBefore(before.slice(0, -1))}>Previous page</Button>
            )}
            {files.data?.more === true && last !== undefined && (
              <Button onClick={() => setBefore([...before, last])}>Next page</Button>
            )}
          </>
        }
      >
        <Problem error={files.error} />
        {files.isPending && <Loading />}
        {files.data?.files.length === 0 && (
          <Empty title="There are no files">
            A device sends them with its SDK, or <code>twinhub upload-file</code> for it. Modules
            have no file upload.
          </Empty>
        )}
        {files.data !== undefined && files.data.files.length > 0 && (
          <FileList label="Uploaded files" folder={deviceId} files={files.data.files} />
        )}
      </Card>
      {files.data !== undefined && files.data.openUploads.length > 0 && (
        <Card title="Uploads under way" note="begun, and not yet reported as done">
          <Table
            label="Uploads under way"
            rows={files.data.openUploads}
            columns={[
              { name: "File", render: ({ blobName }) => blobName.slice(deviceId.length + 1) },
              { name: "Ends", render: ({ expires }) => <Ago time={expires} /> },
            ]}
            rowKey={({ blobName, expires }) => `${blobName} ${expires}`}
          />
        </Card>
      )}
    </>
  );
}

function Notifications({ state }: { readonly state: FilesState }) {
  return (
    <Card title="Notifications" note="of all devices of this hub">
      <Facts
        items={[
          ["Services hear of files", state.notifications ? "yes" : "no: turned off"],
          ["Waiting for a service", state.waitingNotifications.toLocaleString("en")],
        ]}
      />
    </Card>
  );
}
