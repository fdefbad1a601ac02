import { type Upload, stillOpen } from "../../domain/files/upload.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { Milliseconds } from "../../domain/time.ts";
import type { HubTx } from "../ports.ts";

/** One document for each device that has uploads. */
const collection = "uploads";
/** Uploads in the order in which they expire. */
const expiring = "uploads/expiring";
/** Uploads that one transaction of the sweep looks at. */
const sweepBatch = 100;

/** Uploads of a device, those included that have expired and not been swept. */
export function uploadsOf(tx: HubTx, deviceId: string): readonly Upload[] {
  const document = tx.document(collection, deviceId);
  return document === undefined ? [] : (document["uploads"] as unknown as readonly Upload[]);
}

export function addUpload(tx: HubTx, deviceId: string, upload: Omit<Upload, "sequence">): void {
  const { correlationId, expires } = upload;
  const value = { deviceId, correlationId, expires };
  const sequence = tx.addToQueue(expiring, value, new Uint8Array());
  put(tx, deviceId, [...uploadsOf(tx, deviceId), { ...upload, sequence }]);
}

export function removeUpload(tx: HubTx, deviceId: string, upload: Upload): void {
  tx.deleteFromQueue(expiring, upload.sequence);
  put(
    tx,
    deviceId,
    uploadsOf(tx, deviceId).filter((each) => each.correlationId !== upload.correlationId),
  );
}

/** The uploads of a deleted device end with it. */
export function dropUploads(tx: HubTx, deviceId: string): void {
  for (const { sequence } of uploadsOf(tx, deviceId)) tx.deleteFromQueue(expiring, sequence);
  put(tx, deviceId, []);
}

/** Forgets uploads that have expired, a bounded number of them; true if there may be more. */
export function sweepUploads(tx: HubTx): boolean {
  const items = tx.queue(expiring, sweepBatch);
  const due = items.filter(({ value }) => (value["expires"] as Milliseconds) <= tx.now);
  for (const { sequence, value } of due) {
    const deviceId = value["deviceId"] as string;
    tx.deleteFromQueue(expiring, sequence);
    put(tx, deviceId, stillOpen(uploadsOf(tx, deviceId), tx.now));
  }
  return due.length === sweepBatch;
}

function put(tx: HubTx, deviceId: string, uploads: readonly Upload[]): void {
  if (uploads.length > 0)
    tx.putDocument(collection, deviceId, { uploads } as unknown as JsonObject);
  else if (tx.document(collection, deviceId) !== undefined) tx.deleteDocument(collection, deviceId);
}
