import { HubError } from "../../domain/errors.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { Transfer } from "../../domain/transfers/transfer.ts";
import type { HubTx } from "../ports.ts";

const collection = "transfers";

export function allTransfers(tx: HubTx): readonly Transfer[] {
  return tx
    .documents(collection)
    .map(({ value }) => value as unknown as Transfer)
    .toSorted((a, b) => a.createdTime - b.createdTime);
}

/** Refuses with JobNotFound. */
export function findTransfer(tx: HubTx, id: string): Transfer {
  const found = tx.document(collection, id);
  if (found !== undefined) return found as unknown as Transfer;
  throw new HubError("JobNotFound", `There is no job '${id.slice(0, 128).replaceAll(";", " ")}'`);
}

export function putTransfer(tx: HubTx, transfer: Transfer): void {
  tx.putDocument(collection, transfer.id, transfer as unknown as JsonObject);
}

export function deleteTransfer(tx: HubTx, id: string): void {
  tx.deleteDocument(collection, id);
}

/** The queue of what an import could not apply, in the order of its lines. */
export function errorQueue(id: string): string {
  return `transferErrors/${id}`;
}
