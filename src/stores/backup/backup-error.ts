/** Why a backup or a restore was not made; `message` is one line for the person at the terminal. */
export class BackupError extends Error {
  override readonly name = "BackupError";
}

/** Says in one line what the operating system refused; anything else stays as it is. */
export function backupFailure(error: unknown, what: string): unknown {
  const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return new BackupError(
        `${what} failed, the disk is full: free some space, or choose another place`,
      );
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new BackupError(
        `${what} failed, this user may not do that (${code}): ${textOf(error)}`,
      );
    case "ENOENT":
    case "ENOTDIR":
    case "EISDIR":
    case "EXDEV":
    case "EIO":
      return new BackupError(`${what} failed: ${textOf(error)}`);
    default:
      return error;
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
