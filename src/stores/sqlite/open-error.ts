export type StoreOpenReason =
  | "noDriver"
  | "inUse"
  | "notADirectory"
  | "notWritable"
  | "diskFull"
  | "newerSchema"
  | "alteredSchema"
  | "corrupt"
  | "unfinishedRestore"
  | "failed";

/** Why a data directory can't be used; `message` is one line for the person at the terminal. */
export class StoreOpenError extends Error {
  override readonly name = "StoreOpenError";
  readonly reason: StoreOpenReason;

  constructor(reason: StoreOpenReason, message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}
