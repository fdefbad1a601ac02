/** What a command may touch of the world around it. */
export interface Io {
  /** Writes to standard output and to standard error; texts end with a line break. */
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Relative paths start here. */
  readonly directory: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Resolves when the process has been asked to end. */
  readonly untilStopped: () => Promise<void>;
  /** Opens an address in the user's browser; false if that is not possible. Missing where there is nobody to see it. */
  readonly openBrowser?: (url: string) => Promise<boolean>;
}
