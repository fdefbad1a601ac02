/** Routes of a hub (spec/semantics §15.3). */
export const maxRoutes = 100;
/** Endpoints of a hub beside the built-in one (spec/semantics §15.3). */
export const maxEndpoints = 10;
/** Partitions of one event log. */
export const maxLogPartitions = 32;
/** Enrichments of a hub (spec/semantics §15.3). */
export const maxEnrichments = 10;
/** A condition, in UTF-16 units. */
export const maxConditionLength = 8_192;
/** Parentheses and calls inside one another in a condition. */
export const maxNesting = 100;
/** Operators in a condition; bounds how deep it is when it is evaluated. */
export const maxOperators = 1_000;
/** An enrichment's value, in UTF-16 units. */
export const maxEnrichmentValue = 1_024;
/** Errors that one compilation tells. */
export const maxErrors = 20;
