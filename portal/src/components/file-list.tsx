import { Button } from "@fluentui/react-components";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { type StoredFile, deleteFile, filesKey } from "../api/files.ts";
import { sizeText } from "../lib/size.ts";
import { Ago } from "./ago.tsx";
import { Confirm } from "./confirm.tsx";
import { type Column, Table } from "./table.tsx";
import { useNotify } from "./toasts.tsx";

/** Files of a folder: a click fetches one; what is deleted is gone. */
export function FileList(props: {
  readonly label: string;
  readonly folder: string;
  readonly files: readonly StoredFile[];
}) {
  const { label, folder, files } = props;
  const [asked, setAsked] = useState<StoredFile | undefined>();
  const queries = useQueryClient();
  const notify = useNotify();
  const nameOf = ({ blobName }: StoredFile): string => blobName.slice(folder.length + 1);
  const columns: readonly Column<StoredFile>[] = [
    {
      name: "File",
      // Without `download`, the browser would show what a device has sent.
      render: (file) => (
        <a className="link" href={file.path} download={nameOf(file).split("/").at(-1)}>
          {nameOf(file)}
        </a>
      ),
    },
    { name: "Size", render: ({ blobSizeInBytes }) => sizeText(blobSizeInBytes) },
    { name: "Type", render: ({ contentType }) => <code>{contentType}</code> },
    { name: "Written", render: ({ lastUpdatedTime }) => <Ago time={lastUpdatedTime} /> },
    {
      name: "Actions",
      render: (file) => (
        <Button size="small" aria-label={`Delete ${nameOf(file)}`} onClick={() => setAsked(file)}>
          Delete
        </Button>
      ),
    },
  ];
  return (
    <>
      <Table label={label} rows={files} columns={columns} rowKey={({ blobName }) => blobName} />
      {asked !== undefined && (
        <Confirm
          title={`Delete ${nameOf(asked)}?`}
          action="Delete"
          onConfirm={async () => {
            await deleteFile(asked.path);
            notify(`Deleted ${nameOf(asked)}`);
            await queries.invalidateQueries({ queryKey: filesKey(folder) });
          }}
          onClose={() => setAsked(undefined)}
        >
          The hub keeps no copy of it.
        </Confirm>
      )}
    </>
  );
}
