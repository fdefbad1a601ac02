import { HubError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import type { Milliseconds } from "../time.ts";
import { mergeChange } from "./change.ts";
import { checkSection } from "./limits.ts";
import { mergeMetadata } from "./metadata.ts";
import { merge } from "./patch.ts";
import { checkSize } from "./size.ts";
import type { Section, Twin } from "./twin.ts";
import type { TwinWrite } from "./write.ts";

/**
 * A device's or module's report: merges into its reported properties, all or nothing. Every accepted report raises
 * the reported `$version` and the twin's version, an empty one too; the etag stays (spec/semantics §4.2, §4.7).
 *
 * Throws PreconditionFailed when `expectedVersion` is given and is not the stored `$version`, ArgumentInvalid for what
 * a section may not hold (keys with `$` among it), DeviceModelMaxPropertiesExceeded when it grows too large.
 */
export function applyReported(
  twin: Twin,
  patch: JsonObject,
  now: Milliseconds,
  expectedVersion?: number,
): TwinWrite {
  checkVersion(twin.reported, expectedVersion);
  checkSection(patch, "removes");
  const change = mergeChange(twin.reported.value, patch);
  const written = withReport(twin, { change, at: now });
  const { etagCounter, version, reported } = written;
  checkSize("Properties.Reported", reported.value);
  return {
    twin: written,
    changes: {
      opType: "updateTwin",
      etagCounter,
      version,
      reported: { change, version: reported.version },
    },
  };
}

/** What an accepted report has changed, with removed keys as `null`, and when. */
export interface Report {
  readonly change: JsonObject;
  readonly at: Milliseconds;
}

/** The twin after a report that was accepted. Checks nothing: who has kept a twin and its reports comes to the same twin again. */
export function withReport(twin: Twin, { change, at }: Report): Twin {
  const { tags, desired, etagCounter, modelId, configurations } = twin;
  const reported = mergeReported(twin.reported, change, at);
  const version = twin.version + 1;
  // One by one: spread syntax takes as long as all the rest.
  return { tags, desired, reported, etagCounter, version, modelId, configurations };
}

function checkVersion(section: Section, expected: number | undefined): void {
  if (expected === undefined || expected === section.version) return;
  throw new HubError(
    "PreconditionFailed",
    `The report expects $version ${expected} of the reported properties, but it is ${section.version}`,
  );
}

function mergeReported(section: Section, change: JsonObject, now: Milliseconds): Section {
  const value = merge(section.value, change);
  const metadata = mergeMetadata(section.metadata, change, { t: now });
  return { value, metadata, version: section.version + 1 };
}
