import { HubError } from "../../domain/errors.ts";

const version = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?:-preview)?$/i;

/**
 * Refuses a missing or malformed `api-version` with 400001. Every date is accepted and behaves as the newest one:
 * old clients ignore new members, and future SDKs must not be locked out (spec/rest §4).
 */
export function checkApiVersion(value: string | undefined): void {
  if (value !== undefined && isApiVersion(value)) return;
  throw new HubError("InvalidProtocolVersion", "api-version must be a date such as 2021-04-12");
}

/** True for a date as clients name versions, `2021-04-12` or `2020-05-31-preview`. */
export function isApiVersion(value: string): boolean {
  return version.test(value);
}
