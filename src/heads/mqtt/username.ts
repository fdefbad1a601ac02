import { type IdentityKey, isId } from "../../domain/identity/key.ts";
import { percentDecode } from "../../wire/property-bag.ts";

/** What a CONNECT's user name says (spec/mqtt §2.2). */
export interface Username {
  /** As the client wrote it; nothing is checked against it. */
  readonly host: string;
  readonly key: IdentityKey;
  readonly apiVersion?: string | undefined;
  readonly clientType?: string | undefined;
  readonly modelId?: string | undefined;
}

const marker = /\/\?(?=[A-Za-z][\w-]*=)/;
const oldParameters = /(?:^|&)(?:api-version|DeviceClientType)=/;

/**
 * Reads `{host}/{deviceId}[/{moduleId}]/[?]{parameters}`: also without `?`, without parameters and without the
 * last slash. Ids are not decoded: they stand as they are. Nothing if the text has another form.
 */
export function parseUsername(text: string): Username | undefined {
  const slash = text.indexOf("/");
  if (slash < 1) return undefined;
  const [path, parameters] = splitParameters(text.slice(slash + 1));
  const ids = (path.endsWith("/") ? path.slice(0, -1) : path).split("/");
  const [deviceId = "", moduleId] = ids;
  if (ids.length > 2 || !ids.every(isId)) return undefined;
  const values = readParameters(parameters);
  return {
    host: text.slice(0, slash),
    key: moduleId === undefined ? { deviceId } : { deviceId, moduleId },
    apiVersion: values.get("api-version"),
    clientType: values.get("DeviceClientType"),
    modelId: values.get("model-id"),
  };
}

function splitParameters(rest: string): [path: string, parameters: string] {
  const found = marker.exec(rest);
  if (found !== null) return [rest.slice(0, found.index), rest.slice(found.index + 2)];
  if (rest.endsWith("/?")) return [rest.slice(0, -2), ""];
  const last = rest.lastIndexOf("/");
  const segment = rest.slice(last + 1);
  // The form of 2016, without the question mark.
  if (last > 0 && oldParameters.test(segment)) return [rest.slice(0, last), segment];
  return [rest, ""];
}

function readParameters(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const parameter of text.split("&")) {
    const equals = parameter.indexOf("=");
    const name = parameter.slice(0, equals);
    if (equals > 0 && !values.has(name))
      values.set(name, percentDecode(parameter.slice(equals + 1)));
  }
  return values;
}
