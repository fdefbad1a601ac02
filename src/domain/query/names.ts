import type { Source } from "./ast.ts";

/** A first segment as it is answered, and the row's member that it stands for. */
export interface RootName {
  readonly name: string;
  readonly member: string;
}

const twinMembers = [
  "deviceId",
  "moduleId",
  "modelId",
  "etag",
  "deviceEtag",
  "version",
  "status",
  "statusReason",
  "statusUpdateTime",
  "connectionState",
  "lastActivityTime",
  "cloudToDeviceMessageCount",
  "authenticationType",
  "x509Thumbprint",
  "tags",
  "properties",
  "configurations",
  "capabilities",
  "deviceScope",
  "parentScopes",
];

const jobMembers = [
  "deviceId",
  "jobId",
  "jobType",
  "status",
  "startTimeUtc",
  "endTimeUtc",
  "createdDateTimeUtc",
  "lastUpdatedDateTimeUtc",
  "outcome",
  "error",
];

const twinNames = tableOf(twinMembers, {
  id: "deviceId",
  statusUpdatedTime: "statusUpdateTime",
});

const jobNames = tableOf(jobMembers, { createdTimeUtc: "createdDateTimeUtc" });

/**
 * Resolves a first segment, whatever its case: `DEVICEID` to `deviceId`. An alias keeps its own canonical spelling as
 * the name. Unknown ones are `undefined` (spec/semantics §6.2, §12).
 */
export function findRoot(source: Source, segment: string): RootName | undefined {
  return (source === "devices.jobs" ? jobNames : twinNames).get(segment.toLowerCase());
}

function tableOf(
  members: readonly string[],
  aliases: Readonly<Record<string, string>>,
): ReadonlyMap<string, RootName> {
  const table = new Map<string, RootName>();
  for (const name of members) table.set(name.toLowerCase(), { name, member: name });
  for (const [name, member] of Object.entries(aliases)) {
    table.set(name.toLowerCase(), { name, member });
  }
  return table;
}

const reservedWords = new Set(
  "ALL AND AS ASC AVG BY COUNT DESC DEVICES FALSE FROM GROUP IN IS_DEFINED JOIN MAX MIN NIN NOT NULL OR ORDER SELECT SUM TOP TRUE UNDEFINED WHERE".split(
    " ",
  ),
);

/** Words that only `[[…]]` makes a name (spec/semantics §6.1). */
export function isReserved(word: string): boolean {
  return reservedWords.has(word.toUpperCase());
}

export function findSource(name: string): Source | undefined {
  const lower = name.toLowerCase();
  return lower === "devices" || lower === "devices.modules" || lower === "devices.jobs"
    ? lower
    : undefined;
}
