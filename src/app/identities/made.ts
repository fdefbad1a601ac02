import type { Made } from "../../domain/identity/device.ts";
import { nextEtag } from "../../domain/identity/changes.ts";
import type { Milliseconds } from "../../domain/time.ts";
import type { HubContext } from "../context.ts";

/** .NET ticks (100 ns) from year 1 to 1970. */
const ticksTo1970 = 621_355_968_000_000_000n;
let lastGeneration = 0n;

/** Eighteen digits that rise with every creation of this process: the form of live values (spec/semantics §2.2). */
function newGenerationId(now: Milliseconds): string {
  const ticks = BigInt(Math.trunc(now)) * 10_000n + ticksTo1970;
  lastGeneration = ticks > lastGeneration ? ticks : lastGeneration + 1n;
  return lastGeneration.toString();
}

/** What a new identity needs from the world. Its etag starts at a random number. */
export function madeForNew(context: HubContext, now: Milliseconds): Made {
  return {
    now,
    generationId: newGenerationId(now),
    etagNumber: context.random.integer(2 ** 30) + 1,
    newKey: () => context.random.base64(32),
  };
}

/** What a changed identity needs from the world. */
export function madeForUpdate(
  context: HubContext,
  now: Milliseconds,
  stored: { readonly generationId: string; readonly etagNumber: number },
): Made {
  return {
    now,
    generationId: stored.generationId,
    etagNumber: nextEtag(stored.etagNumber),
    newKey: () => context.random.base64(32),
  };
}
