import { useQuery } from "@tanstack/react-query";
import { ApiError, get } from "./client.ts";

export interface StoredFile {
  readonly blobName: string;
  /** Where it is read at this hub, encoded. */
  readonly path: string;
  readonly blobSizeInBytes: number;
  readonly contentType: string;
  readonly lastUpdatedTime: string;
  readonly etag: string;
}

export interface FilePage {
  readonly files: readonly StoredFile[];
  readonly more: boolean;
  readonly openUploads: readonly { readonly blobName: string; readonly expires: string }[];
}

export interface FilesState {
  readonly storage: "own" | "account" | "none";
  readonly notifications: boolean;
  readonly waitingNotifications: number;
}

/** Files of one page. */
const pageSize = 100;

export function filesKey(folder: string): readonly unknown[] {
  return ["files", folder];
}

/** The files of a device or of a `~folder`, after a name. `every`: how often they are read again, in milliseconds. */
export function useFiles(
  folder: string,
  options: { readonly after?: string | undefined; readonly every?: number; readonly on?: boolean },
) {
  const { after, every, on = true } = options;
  return useQuery({
    queryKey: [...filesKey(folder), after ?? ""],
    queryFn: ({ signal }) => {
      const query = new URLSearchParams({ top: String(pageSize), ...(after ? { after } : {}) });
      return get<FilePage>(`/$hub/files/${encodeURIComponent(folder)}?${query.toString()}`, signal);
    },
    refetchInterval: every ?? false,
    enabled: on,
  });
}

export function useFilesState() {
  return useQuery({
    queryKey: ["files"],
    queryFn: ({ signal }) => get<FilesState>("/$hub/files", signal),
    refetchInterval: 5_000,
  });
}

/** `path` below the hub's root, encoded. Throws `ApiError`. */
export async function putFile(path: string, content: Blob): Promise<void> {
  await send("PUT", path, content);
}

export async function deleteFile(path: string): Promise<void> {
  await send("DELETE", path);
}

/** The hub's storage speaks Azure Storage's protocol, whose errors are XML. */
async function send(method: string, path: string, body?: Blob): Promise<void> {
  const headers = { "x-twinhub-portal": "1", "x-ms-blob-type": "BlockBlob" };
  const response = await fetch(path, {
    method,
    headers,
    credentials: "same-origin",
    redirect: "error",
    ...(body === undefined ? {} : { body }),
  }).catch(() => {
    throw new ApiError(0, "HubUnreachable", "The hub does not answer");
  });
  if (response.ok) return;
  const text = await response.text();
  const message = /<Message>([^<]*)<\/Message>/.exec(text)?.[1] ?? response.statusText;
  const code = response.headers.get("x-ms-error-code") ?? String(response.status);
  throw new ApiError(response.status, code, message.split("\n", 1)[0] ?? message);
}
