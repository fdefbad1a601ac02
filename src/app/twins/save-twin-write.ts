import type { IdentityKey } from "../../domain/identity/key.ts";
import type { TwinWrite } from "../../domain/twin/write.ts";
import type { HubTx } from "../ports.ts";

/** Puts a twin's write and its one event into the transaction; a write that raised nothing leaves no trace. */
export function saveTwinWrite(tx: HubTx, key: IdentityKey, write: TwinWrite): void {
  if (write.changes === null) return;
  const { opType, etagCounter, version, tags, desired, reported, twin } = write.changes;
  const at = tx.now;
  // A twin's own report writes nothing else.
  if (reported === undefined) tx.putTwin(key, write.twin);
  else tx.putReport(key, write.twin, { change: reported.change, at });
  // One by one: spread syntax is slow, and every report comes by here.
  tx.emit({
    type: "twinChanged",
    key,
    at,
    opType,
    etagCounter,
    version,
    tags,
    desired,
    reported,
    twin,
  });
}
