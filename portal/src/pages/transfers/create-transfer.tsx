import { Checkbox, Field, Input } from "@fluentui/react-components";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { startExport, startImport, transfersKey } from "../../api/transfers.ts";
import { FormDialog } from "../../components/form-dialog.tsx";

const folderPattern = /^~[\w.-]{1,64}$/;

/** `~export-20251123-051509`. */
function freshFolder(type: string): string {
  const time = new Date().toISOString().slice(0, 19);
  return `~${type}-${time.replaceAll(/[-:]/g, "").replace("T", "-")}`;
}

/** Starts an import or an export; its files lie in a folder of the hub's own storage. */
export function CreateTransfer(props: {
  readonly type: "import" | "export";
  readonly onClose: () => void;
}) {
  const { type, onClose } = props;
  const queries = useQueryClient();
  const [folder, setFolder] = useState(() => freshFolder(type));
  const [withKeys, setWithKeys] = useState(false);
  const [file, setFile] = useState<File | undefined>();
  const isExport = type === "export";
  return (
    <FormDialog
      title={isExport ? "Export all identities" : "Import identities"}
      action={isExport ? "Export" : "Import"}
      ready={folderPattern.test(folder)}
      onSave={async () => {
        await (isExport ? startExport(folder, withKeys) : startImport(folder, file));
        await queries.invalidateQueries({ queryKey: transfersKey });
      }}
      onClose={onClose}
    >
      <Field
        label="Folder"
        required
        hint="In the hub's own storage: ~, then up to 64 letters, digits, dots, hyphens and underscores"
      >
        <Input className="mono" value={folder} onChange={(_event, { value }) => setFolder(value)} />
      </Field>
      {isExport ? (
        <Checkbox
          label="With keys: whoever has the file can connect as any device"
          checked={withKeys}
          onChange={(_event, { checked }) => setWithKeys(checked === true)}
        />
      ) : (
        <Field
          label="File"
          hint="A line of JSON for each identity; without a file, the devices.txt of the folder"
        >
          <input
            type="file"
            aria-label="File"
            onChange={({ target }) => setFile(target.files?.[0])}
          />
        </Field>
      )}
    </FormDialog>
  );
}
