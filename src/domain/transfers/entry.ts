import { argumentInvalid } from "../errors.ts";
import { authenticationView } from "../identity/authentication.ts";
import { identityEtag, twinEtag } from "../identity/etag.ts";
import type { Identity } from "../identity/identity.ts";
import { type AuthenticationInput, type BulkEntry, importModes } from "../identity/inputs.ts";
import { isSystemModule } from "../identity/key.ts";
import { type Json, type JsonObject, isObject } from "../json.ts";
import { present, sectionsView } from "../twin/section-view.ts";
import type { Twin } from "../twin/twin.ts";

/** One line of an export, in the form that an import reads (spec/semantics §2.9). */
export function exportEntry(identity: Identity, twin: Twin, excludeKeys: boolean): JsonObject {
  const { authentication } = identity;
  const keyless = excludeKeys && authentication.type === "sas";
  const common = {
    id: identity.deviceId,
    moduleId: identity.moduleId,
    eTag: identityEtag(identity.etagNumber),
    // The hub makes such modules with their device: only their twin can be imported.
    importMode:
      identity.moduleId !== undefined && isSystemModule(identity.moduleId)
        ? "updateTwin"
        : undefined,
    authentication: keyless
      ? {
          ...authenticationView(authentication),
          symmetricKey: { primaryKey: null, secondaryKey: null },
        }
      : authenticationView(authentication),
    twinETag: twinEtag(twin.etagCounter),
    tags: twin.tags,
    properties: sectionsView(twin),
  };
  if (identity.moduleId !== undefined) return present({ ...common, managedBy: identity.managedBy });
  const { status, statusReason, iotEdge, deviceScope, parentScopes } = identity;
  return present({
    ...common,
    status,
    statusReason,
    capabilities: { iotEdge },
    deviceScope: deviceScope ?? undefined,
    parentScopes: parentScopes.length > 0 ? parentScopes : undefined,
  });
}

/** Reads one line of an import. Throws ArgumentInvalid for what is no such entry. */
export function readEntry(line: JsonObject): BulkEntry {
  const id = line["id"] ?? line["deviceId"];
  if (typeof id !== "string") throw argumentInvalid("id must be text");
  const mode = (textOf(line, "importMode") ?? "createOrUpdate").toLowerCase();
  const importMode = importModes.find((known) => known === mode);
  if (importMode === undefined) throw argumentInvalid("importMode is not known");
  const properties = objectOf(line, "properties") ?? {};
  const capabilities = objectOf(line, "capabilities");
  const scopes = line["parentScopes"] ?? null;
  if (scopes !== null && !(Array.isArray(scopes) && scopes.every((one) => typeof one === "string")))
    throw argumentInvalid("parentScopes must be a list of texts");
  return {
    id,
    importMode,
    moduleId: textOf(line, "moduleId"),
    eTag: textOf(line, "eTag") ?? textOf(line, "etag"),
    twinETag: textOf(line, "twinETag"),
    managedBy: textOf(line, "managedBy"),
    status: textOf(line, "status"),
    statusReason: textOf(line, "statusReason"),
    authentication: authenticationOf(objectOf(line, "authentication")),
    capabilities: capabilities && { iotEdge: capabilities["iotEdge"] === true },
    deviceScope: textOf(line, "deviceScope"),
    parentScopes: scopes,
    tags: objectOf(line, "tags"),
    desired: objectOf(properties, "desired"),
    reported: objectOf(properties, "reported"),
    metadata: {
      desired: metadataOf(properties, "desired"),
      reported: metadataOf(properties, "reported"),
    },
  };
}

function authenticationOf(given: JsonObject | undefined): AuthenticationInput | undefined {
  if (given === undefined) return undefined;
  const keys = objectOf(given, "symmetricKey");
  const thumbprints = objectOf(given, "x509Thumbprint");
  return {
    type: textOf(given, "type"),
    symmetricKey: keys && {
      primaryKey: textOf(keys, "primaryKey"),
      secondaryKey: textOf(keys, "secondaryKey"),
    },
    x509Thumbprint: thumbprints && {
      primaryThumbprint: textOf(thumbprints, "primaryThumbprint"),
      secondaryThumbprint: textOf(thumbprints, "secondaryThumbprint"),
    },
  };
}

function metadataOf(properties: JsonObject, section: "desired" | "reported"): JsonObject {
  return objectOf(objectOf(properties, section) ?? {}, "$metadata") ?? {};
}

/** `null` counts as missing. */
function textOf(object: JsonObject, name: string): string | undefined {
  return ofType(object[name] ?? null, name, (value) => typeof value === "string");
}

function objectOf(object: JsonObject, name: string): JsonObject | undefined {
  return ofType(object[name] ?? null, name, isObject);
}

function ofType<T extends Json>(
  value: Json,
  name: string,
  fits: (value: Json) => value is T,
): T | undefined {
  if (value === null) return undefined;
  if (fits(value)) return value;
  throw argumentInvalid(`${name} is of a wrong type`);
}
