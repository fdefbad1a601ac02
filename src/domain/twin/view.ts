import { identityEtag, twinEtag } from "../identity/etag.ts";
import { type Device, type Identity, type Presence, isModule } from "../identity/identity.ts";
import type { JsonObject } from "../json.ts";
import { never, timeText } from "../time.ts";
import { copyOf } from "./members.ts";
import { metadataText, metadataTexts } from "./metadata-text.ts";
import { orAbsent, present, sectionsView } from "./section-view.ts";
import type { Section, Twin } from "./twin.ts";

export { twinChangedBody, twinChangedText } from "./event-view.ts";

/**
 * The twin as its own device or module sees it: `{"desired":{…,"$version":n},"reported":{…,"$version":m}}`, without
 * metadata, tags and identity (spec/semantics §4.7).
 */
export function ownView(twin: Twin): JsonObject {
  return { desired: ownSection(twin.desired), reported: ownSection(twin.reported) };
}

function ownSection(section: Section): JsonObject {
  const view = copyOf(section.value);
  view["$version"] = section.version;
  return view;
}

/** A section is a value that many twins share: its text is made once, and forgotten with it. */
const sectionTexts = new WeakMap<Section, string>();

/** `ownView` as JSON text. */
export function ownViewText(twin: Twin): string {
  return `{"desired":${sectionText(twin.desired)},"reported":${sectionText(twin.reported)}}`;
}

function sectionText(section: Section): string {
  const known = sectionTexts.get(section);
  if (known !== undefined) return known;
  const members = JSON.stringify(section.value).slice(1, -1);
  const text = `{${members}${members === "" ? "" : ","}"$version":${section.version}}`;
  sectionTexts.set(section, text);
  return text;
}

/** What a twin's view for services is made of; for a device's twin `device` is `identity`. */
export interface TwinParts {
  readonly identity: Identity;
  readonly device: Device;
  readonly twin: Twin;
  readonly presence: Presence | undefined;
  /** Cloud-to-device messages that wait; a module has none. */
  readonly queued: number;
}

/**
 * The twin as services see it, members in IoT Hub's order (spec/semantics §4.1, spec/rest §8.1). A module's status is
 * its device's; `tags`, `configurations`, `statusReason` and scopes are left out when there are none.
 */
export function serviceView(parts: TwinParts): JsonObject {
  const { twin } = parts;
  return present(
    identityMembers(parts),
    {
      tags: orAbsent(twin.tags),
      properties: sectionsView(twin),
      configurations: orAbsent(twin.configurations),
    },
    deviceMembers(parts),
  );
}

/** A twin whose sections are JSON texts, as a store may hold them. */
export interface TwinText extends Pick<Twin, "etagCounter" | "version" | "modelId"> {
  readonly tags: string;
  readonly desired: SectionText;
  readonly reported: SectionText;
  /** `{"desired":<Metadata>,"reported":<Metadata>}`. */
  readonly metadata: string;
  readonly configurations: string;
}

export interface SectionText {
  readonly value: string;
  readonly version: number;
}

/** `serviceView` as JSON text, without reading the sections. */
export function serviceViewText(
  parts: Omit<TwinParts, "twin"> & { readonly twin: TwinText },
): string {
  const { tags, desired, reported, metadata, configurations } = parts.twin;
  const times = metadataTexts(metadata);
  return documentText(parts, {
    tags,
    desired: sectionTextOf(desired, times.desired),
    reported: sectionTextOf(reported, times.reported),
    configurations,
  });
}

/** What services see of sections: like `sectionTexts`, so that a write of one section makes the text of no other. */
const servedSections = new WeakMap<Section, string>();

/** `serviceView` as JSON text. Members of metadata may stand in another order than in the view. */
export function serviceTwinText(parts: TwinParts): string {
  const { tags, desired, reported, configurations } = parts.twin;
  return documentText(parts, {
    tags: JSON.stringify(tags),
    desired: servedSection(desired),
    reported: servedSection(reported),
    configurations: JSON.stringify(configurations),
  });
}

function servedSection(section: Section): string {
  const known = servedSections.get(section);
  if (known !== undefined) return known;
  const value = JSON.stringify(section.value);
  const made = sectionTextOf({ value, version: section.version }, metadataText(section.metadata));
  servedSections.set(section, made);
  return made;
}

interface DocumentTexts {
  readonly tags: string;
  readonly desired: string;
  readonly reported: string;
  readonly configurations: string;
}

function documentText(
  parts: Members,
  { tags, desired, reported, configurations }: DocumentTexts,
): string {
  const before = JSON.stringify(identityMembers(parts)).slice(0, -1);
  const after = JSON.stringify(deviceMembers(parts)).slice(1);
  return `${before}${tags === "{}" ? "" : `,"tags":${tags}`},"properties":{"desired":${desired},"reported":${reported}}${
    configurations === "{}" ? "" : `,"configurations":${configurations}`
  }${after === "}" ? "" : ","}${after}`;
}

/** `sectionView` as text: its members, then `$metadata`, then `$version`. */
function sectionTextOf({ value, version }: SectionText, metadata: string): string {
  const members = value === "{}" ? "{" : `${value.slice(0, -1)},`;
  // Joined, not added: a sum of texts keeps all of its parts for as long as it lives.
  return [members, '"$metadata":', metadata, ',"$version":', version, "}"].join("");
}

type Members = Omit<TwinParts, "twin"> & {
  readonly twin: Pick<Twin, "etagCounter" | "version" | "modelId">;
};

function identityMembers({ identity, device, twin, presence, queued }: Members) {
  const deviceOnly = isModule(identity) ? undefined : device;
  return {
    deviceId: identity.deviceId,
    moduleId: identity.moduleId,
    etag: twinEtag(twin.etagCounter),
    deviceEtag: identityEtag(identity.etagNumber),
    status: device.status,
    statusReason: deviceOnly?.statusReason ?? undefined,
    statusUpdateTime: timeText(device.statusUpdatedTime),
    connectionState: presence?.connected === true ? "Connected" : "Disconnected",
    lastActivityTime: timeText(presence?.lastActivityTime ?? never),
    cloudToDeviceMessageCount: deviceOnly === undefined ? 0 : queued,
    authenticationType: identity.authentication.type,
    x509Thumbprint: thumbprints(identity),
    modelId: twin.modelId,
    version: twin.version,
  };
}

function deviceMembers({ identity, device }: Pick<Members, "identity" | "device">) {
  if (isModule(identity)) return {};
  return {
    capabilities: { iotEdge: device.iotEdge },
    deviceScope: device.deviceScope ?? undefined,
    parentScopes: device.parentScopes.length > 0 ? device.parentScopes : undefined,
  };
}

function thumbprints({ authentication }: Identity): JsonObject {
  if (authentication.type !== "selfSigned") {
    return { primaryThumbprint: null, secondaryThumbprint: null };
  }
  const { primaryThumbprint, secondaryThumbprint } = authentication;
  return { primaryThumbprint, secondaryThumbprint };
}
