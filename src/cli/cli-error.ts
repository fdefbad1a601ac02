/** A failure that a person can mend: one line, which says what to do. Exit code 1. */
export class CliError extends Error {
  override readonly name: "CliError" | "UsageError" = "CliError";
}

/** The command was given in a way that cannot work. Exit code 2. */
export class UsageError extends CliError {
  override readonly name = "UsageError";
}

/** Node's name for what an operating system refused, for example ENOENT. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
