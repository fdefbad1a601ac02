import type { IdentityKey } from "../../../domain/identity/key.ts";
import { isApiVersion } from "../api-version.ts";

/** What a request line asks for, if it is one of the calls that are answered without the framework. */
export interface DirectTarget {
  readonly call: "getTwin" | "patchTwin" | "replaceTwin" | "sendMessages";
  readonly key: IdentityKey;
  /** Without query; nothing in it is encoded. */
  readonly path: string;
}

const twinTarget = /^(\/twins\/([\w.:-]+)(?:\/modules\/([\w.:$-]+))?)\?api-version=([^&]+)$/;
const messagesTarget =
  /^(\/devices\/([\w.:-]+)(?:\/modules\/([\w.:$-]+))?\/messages\/events)\?api-version=([^&]+)$/;

/**
 * Reads a request line in the spelling that clients use nearly always. Undefined for every other one, right or wrong:
 * `PathTable` knows them all.
 */
export function directTarget(method: string, url: string): DirectTarget | undefined {
  switch (method) {
    case "GET":
      return targetOf("getTwin", twinTarget, url);
    case "PATCH":
      return targetOf("patchTwin", twinTarget, url);
    case "PUT":
      return targetOf("replaceTwin", twinTarget, url);
    case "POST":
      return targetOf("sendMessages", messagesTarget, url);
    default:
      return undefined;
  }
}

function targetOf(
  call: DirectTarget["call"],
  pattern: RegExp,
  url: string,
): DirectTarget | undefined {
  const [, path, deviceId, moduleId, version] = pattern.exec(url) ?? [];
  if (path === undefined || deviceId === undefined || version === undefined) return undefined;
  if (!isApiVersion(version)) return undefined;
  return { call, path, key: moduleId === undefined ? { deviceId } : { deviceId, moduleId } };
}
