import { HubError } from "../../domain/errors.ts";
import { type Precondition, satisfies, twinEtag } from "../../domain/identity/etag.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import type { JsonObject } from "../../domain/json.ts";
import { applyServicePatch } from "../../domain/twin/apply-desired.ts";
import { readServicePatch } from "../../domain/twin/patch.ts";
import { replaceTwin as replace } from "../../domain/twin/replace.ts";
import type { HubContext } from "../context.ts";
import { type Principal, demand } from "../principal.ts";
import { findTwin } from "./find-twin.ts";
import { saveTwinWrite } from "./save-twin-write.ts";
import { type TwinResource, twinResource } from "./twin-resource.ts";

/** The service merges tags and desired properties into a twin. */
export async function patchTwin(
  context: HubContext,
  principal: Principal,
  key: IdentityKey,
  body: JsonObject,
  precondition: Precondition,
): Promise<TwinResource> {
  return write(context, principal, key, body, precondition, applyServicePatch);
}

/** The service replaces the tags and desired properties that the body holds. */
export async function replaceTwin(
  context: HubContext,
  principal: Principal,
  key: IdentityKey,
  body: JsonObject,
  precondition: Precondition,
): Promise<TwinResource> {
  return write(context, principal, key, body, precondition, replace);
}

async function write(
  context: HubContext,
  principal: Principal,
  key: IdentityKey,
  body: JsonObject,
  precondition: Precondition,
  apply: typeof applyServicePatch,
): Promise<TwinResource> {
  demand(principal, "ServiceConnect");
  const patch = readServicePatch(body, key);
  return context.store.transaction(key, (tx) => {
    const found = findTwin(tx, key);
    const etag = twinEtag(found.twin.etagCounter);
    if (!satisfies(precondition, etag)) {
      throw new HubError(
        "PreconditionFailed",
        `The twin's etag is ${etag}, not the one given in If-Match`,
      );
    }
    const result = apply(found.twin, patch, tx.now);
    saveTwinWrite(tx, key, result);
    return twinResource(context, tx, key, found, result.twin);
  });
}
