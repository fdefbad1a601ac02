import type { HubContext } from "./context.ts";
import { sweepFiles } from "./files/sweep-files.ts";

/** How often old records are dropped, in milliseconds. */
const sweepEvery = 60_000;

/** Events that have not been routed yet are kept this many times longer. */
const unroutedFactor = 10;

/** Drops what has outlived its retention, until the returned function is called. */
export function startMaintenance(context: HubContext): () => void {
  let stopped = false;
  let cancel = (): void => {};
  const next = (): void => {
    cancel = context.clock.after(sweepEvery, () => {
      sweep(context)
        .catch((error: unknown) =>
          context.log.error({ err: error }, "old records could not be dropped"),
        )
        .finally(() => {
          if (!stopped) next();
        });
    });
  };
  next();
  return () => {
    stopped = true;
    cancel();
  };
}

async function sweep(context: HubContext): Promise<void> {
  const { store, clock, settings } = context;
  await store.eventLog.trim(clock.now() - settings.retention, settings.maxPartitionBytes);
  const newest = await store.lastEvent();
  const routed = context.router.position ?? newest;
  await store.trimEvents(
    Math.max(
      Math.min(newest - settings.maxOutboxEvents, routed),
      newest - settings.maxOutboxEvents * unroutedFactor,
    ),
  );
  await context.router.sweep();
  await sweepFiles(context);
}
