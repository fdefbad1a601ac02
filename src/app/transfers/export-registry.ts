import type { IdentityKey } from "../../domain/identity/key.ts";
import { exportEntry } from "../../domain/transfers/entry.ts";
import type { HubContext } from "../context.ts";

/** Devices that are listed in one step. */
const pageSize = 100;

/** The registry as lines of JSON: each device before its modules. Each device is as it was at some moment during the export. */
export async function* exportLines(
  { store }: Pick<HubContext, "store">,
  excludeKeys: boolean,
  onDevice: () => void,
): AsyncGenerator<Uint8Array> {
  let after: IdentityKey | null = null;
  for (;;) {
    const page: Awaited<ReturnType<typeof store.listTwins>> = await store.listTwins(
      "devices",
      after,
      pageSize,
    );
    for (const { identity } of page) {
      yield* await linesOf({ store }, identity.deviceId, excludeKeys);
      onDevice();
    }
    const last = page.at(-1);
    if (last === undefined) return;
    after = { deviceId: last.identity.deviceId };
  }
}

function linesOf(
  { store }: Pick<HubContext, "store">,
  deviceId: string,
  excludeKeys: boolean,
): Promise<readonly Uint8Array[]> {
  return store.transaction({ deviceId }, (tx) => {
    const device = tx.identity({ deviceId });
    if (device === undefined) return [];
    return [device, ...tx.modulesOf(deviceId)].flatMap((identity) => {
      const { moduleId } = identity;
      const twin = tx.twin(moduleId === undefined ? { deviceId } : { deviceId, moduleId });
      if (twin === undefined) return [];
      return [Buffer.from(`${JSON.stringify(exportEntry(identity, twin, excludeKeys))}\n`)];
    });
  });
}
