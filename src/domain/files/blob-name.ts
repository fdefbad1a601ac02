import { argumentInvalid } from "../errors.ts";
import { maxBlobNameLength, maxNameSegments } from "./limits.ts";

/**
 * The name of a device's blob: `{deviceId}/{given}` (spec/rest §9.4). Refuses with ArgumentInvalid what a URL cannot
 * carry unchanged: empty segments, `.` and `..`, backslashes, control characters, lone surrogates.
 */
export function blobNameFor(deviceId: string, given: string): string {
  const name = `${deviceId}/${given}`;
  if (given === "") throw argumentInvalid("blobName must not be empty");
  if (name.length > maxBlobNameLength) {
    throw argumentInvalid(
      `The name of a blob may have ${maxBlobNameLength} characters at most, device id included, not ${name.length}`,
    );
  }
  if (/[\p{Cc}\p{Cs}\\]/u.test(given)) {
    throw argumentInvalid("blobName must not have control characters or backslashes");
  }
  const segments = name.split("/");
  if (segments.length > maxNameSegments) {
    throw argumentInvalid(`blobName may have ${maxNameSegments - 1} segments at most`);
  }
  // Clients resolve such segments before they send a request, and so would address another blob.
  if (segments.some((segment) => segment === "" || isDots(segment))) {
    throw argumentInvalid("blobName and device id must not have a segment that is empty, . or ..");
  }
  return name;
}

/** `.` and `..`, encoded or not. */
function isDots(segment: string): boolean {
  return /^(?:\.|%2e){1,2}$/i.test(segment);
}

/** The name as the path of a URL: every segment percent-encoded. */
export function blobPath(name: string): string {
  return name.split("/").map(encodeURIComponent).join("/");
}
