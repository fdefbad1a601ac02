/** Bounds of one query; each is answered with ArgumentInvalid (spec/semantics §6.1, §6.4). */

/** Longest query text, in UTF-16 code units. */
export const maxQueryLength = 8192;
/** How deep parentheses and function calls may nest. */
export const maxNesting = 100;
/** Paths, literals and calls of one query, without the elements of lists. */
export const maxTerms = 1000;
/** Groups that one GROUP BY may form. */
export const maxGroups = 10_000;
/** UTF-16 code units of all group keys together. */
export const maxGroupCharacters = 16 * 1024 * 1024;
/** Rows that ORDER BY may sort without TOP, and the largest TOP beside ORDER BY. */
export const maxSortedRows = 10_000;
/** UTF-16 code units of all rows that ORDER BY holds, as JSON. */
export const maxSortedCharacters = 64 * 1024 * 1024;
/** Longest continuation token, in characters; it travels in an HTTP header (spec/rest §8.7). */
export const maxContinuationLength = 8192;
