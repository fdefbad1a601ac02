// The one place where the portal uses the hub's own code: the twin's rules are pure, and a second copy of them would drift.
import { type SectionName, checkSection, sectionLimits } from "../../../src/domain/twin/limits.ts";
import { parseTwinObject } from "../../../src/domain/twin/parse.ts";
import { checkSize, sectionSize } from "../../../src/domain/twin/size.ts";
import type { JsonObject } from "./json.ts";

export type { SectionName };

/** What a written section is: its value and size, or why the hub would refuse it. */
export type Checked =
  | { readonly ok: true; readonly value: JsonObject; readonly size: number }
  | { readonly ok: false; readonly problem: string };

/** Applies the hub's checks of a twin's section to `text` (spec/semantics §4.3). */
export function checkText(name: SectionName, text: string): Checked {
  try {
    const value = parseTwinObject(text);
    checkSection(value, "removes");
    checkSize(name, value);
    return { ok: true, value, size: sectionSize(value) };
  } catch (error) {
    return { ok: false, problem: error instanceof Error ? error.message : String(error) };
  }
}

/** Bytes that the section may have, by IoT Hub's formula. */
export function sizeLimit(name: SectionName): number {
  return sectionLimits[name];
}
