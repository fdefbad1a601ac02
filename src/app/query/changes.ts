import { LRUCache } from "lru-cache";
import { argumentInvalid } from "../../domain/errors.ts";
import type { HubEvent } from "../../domain/events/hub-event.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import type { JsonObject } from "../../domain/json.ts";
import { compileCondition } from "../../domain/query/evaluate.ts";
import { parseCondition } from "../../domain/query/parse.ts";
import { timeText } from "../../domain/time.ts";
import { twinChangedBody } from "../../domain/twin/view.ts";
import type { HubContext } from "../context.ts";
import type { CommittedEvent } from "../ports.ts";
import { type Principal, demand } from "../principal.ts";
import { currentRow } from "./current-row.ts";

/** Changes of one page, at most. */
const maxPage = 1000;

export interface Change {
  /** Its place in the hub-wide order of commits; rises, with room for events of other kinds between. */
  readonly sequence: number;
  readonly body: JsonObject;
}

export interface ChangePage {
  readonly changes: readonly Change[];
  /** Where to go on: the sequence up to which everything has been looked at. */
  readonly last: number;
}

/**
 * Changes of twins and identities after a sequence number, in commit order and without gaps. `where` is the condition of
 * a twin query; it is asked of the twin as it is now, and a deleted identity passes it. Refuses with ArgumentInvalid when
 * what follows `after` is not kept any more, and when the hub has never got as far as `after`.
 */
export async function readChanges(
  context: HubContext,
  principal: Principal,
  after: number,
  limit: number,
  where?: string,
): Promise<ChangePage> {
  demand(principal, "ServiceConnect");
  const passes = where === undefined ? null : conditionOf(context, where);
  const newest = await context.store.lastEvent();
  const events = await context.store.events(after, Math.min(Math.max(1, limit), maxPage));
  checkPosition(after, newest, events[0]?.sequence);
  const changes: Change[] = [];
  for (const { sequence, event } of events) {
    const body = changeBody(event);
    if (body === null) continue;
    const key = changedKey({ sequence, event });
    if (passes !== null && key !== undefined && event.type !== "identityDeleted") {
      const found = await currentRow(context, key);
      if (found === null || !passes(found.row, found.device)) continue;
    }
    changes.push({ sequence, body: { sequence, ...body } });
  }
  return { changes, last: events.at(-1)?.sequence ?? after };
}

type Passes = (row: JsonObject, device?: JsonObject) => boolean;

/** The condition of a stream is the same each time that it reads on: a few are kept. */
const compiled = new LRUCache<string, Passes>({ max: 100 });

function conditionOf({ settings }: HubContext, where: string): Passes {
  const name = `${settings.queryDialect} ${where}`;
  const known = compiled.get(name);
  if (known !== undefined) return known;
  const passes = compileCondition(parseCondition(where, { dialect: settings.queryDialect }));
  compiled.set(name, passes);
  return passes;
}

/** A reader must not miss changes without being told: not those that are gone, nor those of a hub that began anew. */
function checkPosition(after: number, newest: number, first: number | undefined): void {
  if (after > newest) {
    throw argumentInvalid(
      `The newest change is ${newest}, there is none ${after}: read the twins and begin after ${newest}`,
    );
  }
  const next = first ?? newest + 1;
  if (next <= after + 1) return;
  throw argumentInvalid(
    `Changes before ${next} are not kept any more, read the twins and begin after ${next - 1}`,
  );
}

/** The newest sequence number: from here on there are only new changes. */
export async function lastChange(context: HubContext, principal: Principal): Promise<number> {
  demand(principal, "ServiceConnect");
  return context.store.lastEvent();
}

/** The identity that an event is about; undefined for events that are not about one. */
export function changedKey({ event }: CommittedEvent): IdentityKey | undefined {
  return "key" in event ? event.key : undefined;
}

function changeBody(event: HubEvent): JsonObject | null {
  switch (event.type) {
    case "twinChanged":
      return { type: event.opType, ...about(event), ...twinChangedBody(event) };
    case "identityCreated":
      return { type: "createIdentity", ...about(event), generationId: event.generationId };
    case "identityUpdated":
      return {
        type: "updateIdentity",
        ...about(event),
        ...(event.status === undefined ? {} : { status: event.status }),
      };
    case "identityDeleted":
      return { type: "deleteIdentity", ...about(event), generationId: event.generationId };
    default:
      return null;
  }
}

function about({ key, at }: { readonly key: IdentityKey; readonly at: number }): JsonObject {
  const { deviceId, moduleId } = key;
  return { deviceId, ...(moduleId === undefined ? {} : { moduleId }), time: timeText(at) };
}
