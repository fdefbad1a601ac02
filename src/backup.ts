import type { BackupManifest } from "./stores/backup/manifest.ts";
import { type BackupOptions, createBackup } from "./stores/backup/create-backup.ts";
import {
  type Restored,
  type RestoreOptions,
  restoreBackup,
} from "./stores/backup/restore-backup.ts";

/** What stands beside the server: work on data directories for the command line, which opens no store itself. */
export type { BackupManifest, BackupOptions, Restored, RestoreOptions };
export { createBackup, restoreBackup };
