import { uploadLifetime } from "../../domain/files/limits.ts";
import type { HubContext } from "../context.ts";
import { sweepUploads } from "./open-uploads.ts";

/** Forgets uploads that have expired, and blocks whose signature has run out before they became a blob. */
export async function sweepFiles({ store, clock, files }: HubContext): Promise<void> {
  while (await store.transaction(null, sweepUploads));
  await files.blobs?.discardBlocks(clock.now() - 2 * uploadLifetime);
}
