import { useQuery } from "@tanstack/react-query";
import { call, get } from "./client.ts";
import { putFile } from "./files.ts";

/** An import or export of the registry. */
export interface Transfer {
  readonly jobId: string;
  readonly type: "import" | "export";
  readonly status: "enqueued" | "running" | "completed" | "failed" | "cancelled";
  /** Percent. */
  readonly progress: number;
  readonly startTimeUtc: string | null;
  readonly outputBlobContainerUri: string;
  readonly failureReason: string | null;
}

export const transfersKey = ["transfers"] as const;

export function useTransfers(enabled: boolean) {
  return useQuery({
    queryKey: transfersKey,
    queryFn: ({ signal }) => get<readonly Transfer[]>("/jobs", signal),
    refetchInterval: 2_000,
    enabled,
  });
}

export function isOver({ status }: Transfer): boolean {
  return status === "completed" || status === "failed" || status === "cancelled";
}

/** `~registry`, where the job's files lie. */
export function folderOf({ outputBlobContainerUri }: Transfer): string {
  return new URL(outputBlobContainerUri).pathname.split("/").at(-1) ?? "";
}

/** The hub's own storage, as an absolute address. */
function containerOf(folder: string): string {
  return `${location.origin}/uploads/${folder}`;
}

export async function startExport(folder: string, withKeys: boolean): Promise<void> {
  await call("POST", "/jobs/create", {
    body: {
      type: "export",
      outputBlobContainerUri: containerOf(folder),
      excludeKeysInExport: !withKeys,
    },
  });
}

/** Imports `file`, or without one the `devices.txt` that lies in the folder. */
export async function startImport(folder: string, file: File | undefined): Promise<void> {
  if (file !== undefined) await putFile(`/uploads/${folder}/devices.txt`, file);
  const container = containerOf(folder);
  await call("POST", "/jobs/create", {
    body: { type: "import", inputBlobContainerUri: container, outputBlobContainerUri: container },
  });
}
