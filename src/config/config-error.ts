/** A setting cannot be used. The message is one line that names the setting as it was given and what it may be. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}
