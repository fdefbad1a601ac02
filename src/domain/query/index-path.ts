import { argumentInvalid } from "../errors.ts";
import { parseCondition } from "./parse.ts";
import { sqlJsonPath } from "./sql-operand.ts";

/** Declared indexes of a hub: each makes every write of a twin a little dearer. */
export const maxIndexes = 20;

/** Longest path of an index, in UTF-16 code units. */
const maxLength = 512;

/**
 * Reads the path of a declared index, written as in a query: `tags.site`, `properties.reported.firmware`,
 * `properties.desired.[[a b]].c`. Throws ArgumentInvalid for anything else.
 */
export function parseIndexPath(text: string): readonly string[] {
  const shown = text.slice(0, 100).replaceAll(";", " ");
  if (text.trim() === "" || text.length > maxLength) {
    throw argumentInvalid(`The path of an index has 1 to ${maxLength} characters`);
  }
  const condition = parseCondition(`IS_DEFINED(${text})`);
  const path = condition.kind === "call" ? condition.arguments[0] : undefined;
  if (path?.kind !== "path" || path.of !== "row" || !isIndexable(path.segments)) {
    throw argumentInvalid(
      `'${shown}' can't be indexed: paths begin with tags, properties.desired or properties.reported and go on with the names of members`,
    );
  }
  return path.segments;
}

/** The one spelling of a path: names that need it stand in double brackets. */
export function indexPathText(segments: readonly string[]): string {
  return segments.map((name) => (/^[A-Za-z_][\w-]*$/.test(name) ? name : `[[${name}]]`)).join(".");
}

function isIndexable(segments: readonly string[]): boolean {
  const [root, section, member] = segments;
  if (sqlJsonPath(segments) === undefined) return false;
  if (root === "tags") return section !== undefined;
  if (root !== "properties" || (section !== "desired" && section !== "reported")) return false;
  return member !== undefined && member !== "$metadata" && member !== "$version";
}
