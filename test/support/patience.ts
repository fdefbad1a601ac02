/**
 * For how long a test waits for what must come before it says that it does not come, in milliseconds: below the limit of
 * any test, and far above what the slowest and busiest machine needs.
 */
export const patience = 30_000;
