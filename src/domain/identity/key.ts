import { argumentInvalid } from "../errors.ts";

/**
 * The address of everything: a device, or a module of a device. Both ids compare case-sensitively
 * (spec/semantics §1).
 */
export interface IdentityKey {
  readonly deviceId: string;
  readonly moduleId?: string | undefined;
}

export interface ModuleKey extends IdentityKey {
  readonly moduleId: string;
}

/** `d` or `d/m`: one text per identity, since an id never holds a slash. */
export function keyText(key: IdentityKey): string {
  return key.moduleId === undefined ? key.deviceId : `${key.deviceId}/${key.moduleId}`;
}

/** The inverse of `keyText`. */
export function parseKeyText(text: string): IdentityKey {
  const slash = text.indexOf("/");
  if (slash < 0) return { deviceId: text };
  return { deviceId: text.slice(0, slash), moduleId: text.slice(slash + 1) };
}

export function isModuleKey(key: IdentityKey): key is ModuleKey {
  return key.moduleId !== undefined;
}

/** What the key addresses, for counts. */
export function kindOf(key: IdentityKey): "device" | "module" {
  return key.moduleId === undefined ? "device" : "module";
}

export function sameKey(a: IdentityKey, b: IdentityKey): boolean {
  return a.deviceId === b.deviceId && a.moduleId === b.moduleId;
}

const idPattern = /^[A-Za-z0-9\-:.+%_#*?!(),=@;$']{1,128}$/;

export function isId(text: string): boolean {
  return idPattern.test(text);
}

/** Refuses ids outside 1–128 ASCII letters, digits and `- : . + % _ # * ? ! ( ) , = @ ; $ '` (spec/semantics §2.1). */
export function checkKey(key: IdentityKey): void {
  checkId("deviceId", key.deviceId);
  if (key.moduleId !== undefined) checkId("moduleId", key.moduleId);
}

function checkId(what: string, id: string): void {
  if (idPattern.test(id)) return;
  throw argumentInvalid(
    `${what} must be 1 to 128 ASCII letters, digits and - : . + % _ # * ? ! ( ) , = @ $ ', but is '${id.slice(0, 140).replaceAll(";", " ")}'`,
  );
}

/** Refuses a body that names another identity than its address does; a body may leave the id out (spec/rest §8.2). */
export function checkSameId(what: string, inBody: string | null | undefined, id: string): void {
  if (inBody == null || inBody === id) return;
  throw argumentInvalid(`${what} in the body is not the one in the address`);
}

/** The two modules that only the hub makes and removes (spec/semantics §2.1). */
export const systemModules = ["$edgeAgent", "$edgeHub"] as const;

export function isSystemModule(moduleId: string): boolean {
  return moduleId === "$edgeAgent" || moduleId === "$edgeHub";
}
