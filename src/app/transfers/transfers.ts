import { HubError } from "../../domain/errors.ts";
import type { JsonObject } from "../../domain/json.ts";
import {
  type Transfer,
  isOver,
  readTransfer,
  transferView,
  withoutSignatures,
} from "../../domain/transfers/transfer.ts";
import { demandWrite } from "../configurations/configurations.ts";
import type { HubContext } from "../context.ts";
import { type Principal, demand } from "../principal.ts";
import { inputOf, outputOf } from "./containers.ts";
import { allTransfers, deleteTransfer, findTransfer, putTransfer } from "./stored-transfers.ts";

/** Imports and exports that are remembered. */
const maxTransfers = 100;

/** Begins an import or export of the registry; one at a time, more are refused with JobQuotaExceeded. */
export async function createTransfer(
  context: HubContext,
  principal: Principal,
  body: JsonObject,
): Promise<JsonObject> {
  demand(principal, "RegistryWrite");
  const transfer = readTransfer(context.random.uuid(), body, context.clock.now());
  if (transfer.configurationsBlobName !== null) demandWrite(principal);
  outputOf(context, transfer);
  if (transfer.inputUri !== null) inputOf(context, transfer);
  await context.store.transaction(null, (tx) => {
    const all = allTransfers(tx);
    if (!all.every(isOver)) {
      throw new HubError(
        "JobQuotaExceeded",
        "An import or export runs already, and one is the limit",
      );
    }
    for (const { id } of all.slice(0, Math.max(0, all.length + 1 - maxTransfers)))
      deleteTransfer(tx, id);
    putTransfer(tx, transfer);
  });
  context.transfers.run(transfer.id);
  return transferView(transfer);
}

/** The oldest first. */
export async function listTransfers(
  context: HubContext,
  principal: Principal,
): Promise<readonly JsonObject[]> {
  demand(principal, "RegistryRead");
  const all = await context.store.transaction(null, allTransfers);
  return all.map((transfer) => viewOf(context, transfer));
}

export async function getTransfer(
  context: HubContext,
  principal: Principal,
  id: string,
): Promise<JsonObject> {
  demand(principal, "RegistryRead");
  return viewOf(context, await context.store.transaction(null, (tx) => findTransfer(tx, id)));
}

/** What an import has applied stays; one that is over stays as it is. */
export async function cancelTransfer(
  context: HubContext,
  principal: Principal,
  id: string,
): Promise<void> {
  demand(principal, "RegistryWrite");
  await context.store.transaction(null, (tx) => {
    const found = findTransfer(tx, id);
    if (!isOver(found))
      putTransfer(tx, withoutSignatures({ ...found, status: "cancelled", endTime: tx.now }));
  });
}

function viewOf({ transfers }: HubContext, transfer: Transfer): JsonObject {
  const progress = transfers.progressOf(transfer.id);
  return transferView(progress === null || isOver(transfer) ? transfer : { ...transfer, progress });
}
