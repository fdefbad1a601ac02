import { HubError, argumentInvalid } from "../../domain/errors.ts";
import {
  type Precondition,
  identityEtag,
  parsePrecondition,
  satisfies,
  twinEtag,
} from "../../domain/identity/etag.ts";
import type { Identity } from "../../domain/identity/identity.ts";
import type {
  BulkEntry,
  BulkError,
  BulkResult,
  BulkWarning,
} from "../../domain/identity/inputs.ts";
import { type IdentityKey, checkKey, isModuleKey, keyText } from "../../domain/identity/key.ts";
import type { JsonObject } from "../../domain/json.ts";
import { applyReported } from "../../domain/twin/apply-reported.ts";
import { applyServicePatch } from "../../domain/twin/apply-desired.ts";
import { importedMetadata } from "../../domain/twin/metadata.ts";
import { readServicePatch } from "../../domain/twin/patch.ts";
import type { Section } from "../../domain/twin/twin.ts";
import type { HubContext } from "../context.ts";
import type { HubTx } from "../ports.ts";
import { type Principal, demand } from "../principal.ts";
import { findIdentity, findTwin } from "../twins/find-twin.ts";
import { saveTwinWrite } from "../twins/save-twin-write.ts";
import { alreadyExists, etagDiffers } from "./put-identity.ts";
import {
  addDevice,
  addModule,
  changeDevice,
  changeModule,
  removeIdentity,
} from "./write-identity.ts";

/** Entries of one bulk call (spec/semantics §2.9). */
const maxEntries = 100;

/** Applies each entry by itself: what fails does not stop the others (spec/rest §8.3). */
export async function bulk(
  context: HubContext,
  principal: Principal,
  entries: readonly BulkEntry[],
): Promise<BulkResult> {
  demand(principal, "RegistryWrite");
  checkEntries(entries);
  const errors: BulkError[] = [];
  const warnings: BulkWarning[] = [];
  await Promise.all(
    entries.map(async (entry) => {
      const key = keyOf(entry);
      try {
        await context.store.transaction(key, (tx) => apply(context, tx, key, entry));
        const twinError = await setTwin(context, key, entry);
        if (twinError !== null) warnings.push(registeredWithoutTwin(key, twinError));
      } catch (error) {
        if (!(error instanceof HubError)) throw error;
        errors.push({
          ...key,
          errorCode: error.number,
          errorStatus: error.name,
          operation: entry.importMode,
        });
      }
    }),
  );
  return { isSuccessful: errors.length === 0, errors, warnings };
}

function checkEntries(entries: readonly BulkEntry[]): void {
  if (entries.length === 0 || entries.length > maxEntries) {
    throw argumentInvalid(
      `A bulk operation takes 1 to ${maxEntries} identities, not ${entries.length}`,
    );
  }
  const seen = new Set<string>();
  for (const entry of entries) {
    const text = keyText(keyOf(entry));
    if (seen.has(text)) {
      throw new HubError(
        "DeviceDefinedMultipleTimes",
        `DeviceDefinedMultipleTimes, device ID ${text}`,
      );
    }
    seen.add(text);
  }
}

function keyOf(entry: BulkEntry): IdentityKey {
  return entry.moduleId == null
    ? { deviceId: entry.id }
    : { deviceId: entry.id, moduleId: entry.moduleId };
}

function apply(context: HubContext, tx: HubTx, key: IdentityKey, entry: BulkEntry): void {
  checkKey(key);
  const stored = tx.identity(key);
  switch (entry.importMode) {
    case "create":
      if (stored !== undefined) throw alreadyExists(key, context);
      return create(context, tx, key, entry);
    case "createorupdate":
      return stored === undefined
        ? create(context, tx, key, entry)
        : update(context, tx, stored, entry);
    case "createorupdateifmatchetag":
      if (stored === undefined) return create(context, tx, key, entry);
      checkEtag(entry.eTag, identityEtag(stored.etagNumber));
      return update(context, tx, stored, entry);
    case "update":
      return update(context, tx, existing(tx, key), entry);
    case "updateifmatchetag": {
      const identity = existing(tx, key);
      checkEtag(entry.eTag, identityEtag(identity.etagNumber));
      return update(context, tx, identity, entry);
    }
    case "delete":
      return removeIdentity(tx, existing(tx, key));
    case "deleteifmatchetag": {
      const identity = existing(tx, key);
      checkEtag(entry.eTag, identityEtag(identity.etagNumber));
      return removeIdentity(tx, identity);
    }
    case "updatetwin":
      return updateTwin(tx, key, entry);
    case "updatetwinifmatchetag":
      checkEtag(entry.twinETag, twinEtag(findTwin(tx, key).twin.etagCounter));
      return updateTwin(tx, key, entry);
  }
}

function existing(tx: HubTx, key: IdentityKey): Identity {
  return findIdentity(tx, key).identity;
}

function create(context: HubContext, tx: HubTx, key: IdentityKey, entry: BulkEntry): void {
  const write = { context, tx, scopesUnchecked: true };
  if (isModuleKey(key))
    addModule(write, key, { ...entry, deviceId: undefined, moduleId: undefined });
  else addDevice(write, key.deviceId, entry);
}

function update(context: HubContext, tx: HubTx, stored: Identity, entry: BulkEntry): void {
  const write = { context, tx, scopesUnchecked: true };
  if (stored.moduleId === undefined) changeDevice(write, stored, entry);
  else changeModule(write, stored, { ...entry, deviceId: undefined, moduleId: undefined });
}

/** A bulk etag is meant exactly as given, quoted or not; without one nothing matches. */
function checkEtag(given: string | null | undefined, etag: string): void {
  const read = parsePrecondition(given ?? undefined);
  const wanted: Precondition = read.kind === "unquoted" ? { kind: "etag", etag: read.etag } : read;
  if (wanted.kind === "absent" || !satisfies(wanted, etag)) throw etagDiffers(etag);
}

function twinBody(entry: BulkEntry): JsonObject | null {
  const { tags, desired } = entry;
  if (tags == null && desired == null) return null;
  return {
    ...(tags == null ? {} : { tags }),
    ...(desired == null ? {} : { properties: { desired } }),
  };
}

function updateTwin(tx: HubTx, key: IdentityKey, entry: BulkEntry): void {
  const { twin } = findTwin(tx, key);
  const body = twinBody(entry);
  if (body === null) return;
  saveTwinWrite(tx, key, applyServicePatch(twin, readServicePatch(body, key), tx.now));
  bringMetadata(tx, key, { ...entry, reported: null });
}

/** Gives the sections that an import has written the times and versions that it brings along; no counter moves. */
function bringMetadata(tx: HubTx, key: IdentityKey, entry: BulkEntry): void {
  const { desired, reported, metadata } = entry;
  if (metadata === undefined) return;
  const { twin } = findTwin(tx, key);
  const brought = (section: Section, given: JsonObject): Section => ({
    ...section,
    metadata: importedMetadata(section.metadata, given),
  });
  tx.putTwin(key, {
    ...twin,
    desired: desired == null ? twin.desired : brought(twin.desired, metadata.desired),
    reported: reported == null ? twin.reported : brought(twin.reported, metadata.reported),
  });
}

/**
 * The twin part of an entry that created or updated an identity. A twin that can't be written leaves the identity
 * in place and is only a warning (spec/rest §8.3). Gives back the error, if there was one.
 */
async function setTwin(
  context: HubContext,
  key: IdentityKey,
  entry: BulkEntry,
): Promise<HubError | null> {
  const writesTwin = entry.importMode.startsWith("create") || entry.importMode.startsWith("update");
  if (!writesTwin || entry.importMode.startsWith("updatetwin")) return null;
  const body = twinBody(entry);
  const { reported } = entry;
  if (body === null && reported == null) return null;
  try {
    await context.store.transaction(key, (tx) => {
      let { twin } = findTwin(tx, key);
      if (body !== null) {
        const write = applyServicePatch(twin, readServicePatch(body, key), tx.now);
        saveTwinWrite(tx, key, write);
        twin = write.twin;
      }
      if (reported != null)
        saveTwinWrite(tx, key, applyReported(twin, withoutSystemMembers(reported), tx.now));
      bringMetadata(tx, key, entry);
    });
    return null;
  } catch (error) {
    if (error instanceof HubError) return error;
    throw error;
  }
}

function withoutSystemMembers(section: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(section).filter(([name]) => !name.startsWith("$")));
}

function registeredWithoutTwin(key: IdentityKey, error: HubError): BulkWarning {
  return {
    deviceId: key.deviceId,
    warningCode: "DeviceRegisteredWithoutTwin",
    warningStatus: `${keyText(key)}: ${error.message}`,
  };
}
