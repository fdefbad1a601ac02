import { BlobError } from "../../domain/files/blob-error.ts";
import { HubError } from "../../domain/errors.ts";
import {
  type Transfer,
  type TransferStatus,
  errorBlobName,
  isOver,
  withoutSignatures,
} from "../../domain/transfers/transfer.ts";
import type { HubContext } from "../context.ts";
import type { BlobContent } from "../ports.ts";
import { inputOf, outputOf } from "./containers.ts";
import { exportLines } from "./export-registry.ts";
import { importLines, maxErrors } from "./import-registry.ts";
import { configurationLines, importConfigurations } from "./transfer-configurations.ts";
import { errorQueue, findTransfer, putTransfer } from "./stored-transfers.ts";

/** Tells what has been done so far, in percent. */
export type OnProgress = (percent: number) => void;

/** Runs an import or export to its end, or until `isStopped`: then the next process goes on with it. */
export async function runTransfer(
  context: HubContext,
  id: string,
  onProgress: OnProgress,
  isStopped: () => boolean,
): Promise<void> {
  const transfer = await change(context, id, (found, now) => ({
    ...found,
    status: "running",
    startTime: found.startTime ?? now,
  }));
  if (isOver(transfer)) return;
  try {
    if (transfer.type === "export") await exportAll(context, transfer, onProgress);
    else await importAll(context, transfer, onProgress, isStopped);
    if (!isStopped()) await end(context, id, "completed", null);
  } catch (error) {
    if (error instanceof Cancelled) return;
    if (!(error instanceof HubError) && !(error instanceof BlobError)) throw error;
    await end(context, id, "failed", error.message);
  }
}

class Cancelled extends Error {}

async function exportAll(
  context: HubContext,
  transfer: Transfer,
  onProgress: OnProgress,
): Promise<void> {
  const { id, outputBlobName, excludeKeys, configurationsBlobName } = transfer;
  const output = outputOf(context, transfer);
  const { devices } = await context.store.transaction(null, (tx) => tx.counts());
  let done = 0;
  const lines = exportLines(context, excludeKeys, () => {
    done += 1;
    onProgress(Math.min(99, Math.floor((100 * done) / Math.max(devices, 1))));
  });
  const content = whileWanted(context, id, lines);
  await output.write(outputBlobName, content);
  if (configurationsBlobName == null) return;
  await output.write(configurationsBlobName, configurationLines(context));
}

async function importAll(
  context: HubContext,
  transfer: Transfer,
  onProgress: OnProgress,
  isStopped: () => boolean,
): Promise<void> {
  const { id, inputBlobName, configurationsBlobName } = transfer;
  const from = inputOf(context, transfer);
  const to = outputOf(context, transfer);
  const input = await from.read(inputBlobName);
  if (input === null) throw noBlob(transfer, inputBlobName);
  const { size } = input;
  const content = whileWanted(context, id, input.content);
  const tell = (read: number): void => onProgress(Math.min(99, Math.floor((100 * read) / size)));
  await importLines(context, id, content, tell, isStopped);
  if (isStopped()) return;
  if (configurationsBlobName != null) await importFrom(context, transfer, configurationsBlobName);
  await to.write(errorBlobName, errorLines(context, id));
}

async function importFrom(context: HubContext, transfer: Transfer, name: string): Promise<void> {
  const { id } = transfer;
  const input = await inputOf(context, transfer).read(name);
  if (input === null) throw noBlob(transfer, name);
  await importConfigurations(context, whileWanted(context, id, input.content), async (error) =>
    context.store.transaction(null, (tx) => {
      if (tx.queueLength(errorQueue(id)) < maxErrors)
        tx.addToQueue(errorQueue(id), error, new Uint8Array());
    }),
  );
}

/** Ends when the job has been cancelled. */
async function* whileWanted(
  { store }: HubContext,
  id: string,
  content: BlobContent,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of content) {
    const { status } = await store.transaction(null, (tx) => findTransfer(tx, id));
    if (status === "cancelled") throw new Cancelled();
    yield chunk;
  }
}

async function* errorLines({ store }: HubContext, id: string): AsyncGenerator<Uint8Array> {
  const items = await store.transaction(null, (tx) => tx.queue(errorQueue(id), maxErrors));
  for (const { value } of items) yield Buffer.from(`${JSON.stringify(value)}\n`);
}

function noBlob({ inputUri }: Transfer, name: string): HubError {
  return new HubError("BlobContainerValidationError", `There is no blob ${name} in ${inputUri}`);
}

async function end(
  context: HubContext,
  id: string,
  status: TransferStatus,
  failureReason: string | null,
): Promise<void> {
  await change(context, id, (found, endTime) => ({
    ...withoutSignatures(found),
    status,
    endTime,
    failureReason,
    progress: status === "completed" ? 100 : found.progress,
  }));
  await context.store.transaction(null, (tx) => {
    for (const { sequence } of tx.queue(errorQueue(id), maxErrors))
      tx.deleteFromQueue(errorQueue(id), sequence);
  });
}

/** One that was cancelled stays so. */
function change(
  { store }: HubContext,
  id: string,
  to: (transfer: Transfer, now: number) => Transfer,
): Promise<Transfer> {
  return store.transaction(null, (tx) => {
    const found = findTransfer(tx, id);
    if (isOver(found)) return found;
    const changed = to(found, tx.now);
    putTransfer(tx, changed);
    return changed;
  });
}
