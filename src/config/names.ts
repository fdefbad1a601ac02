/** `httpsPort` → `--https-port`. */
export function flagName(setting: string): string {
  return `--${kebabCase(setting)}`;
}

/** `httpsPort` → `TWINHUB_HTTPS_PORT`. */
export function environmentName(setting: string): string {
  return `TWINHUB_${kebabCase(setting).replaceAll("-", "_").toUpperCase()}`;
}

/** `https-port` → `httpsPort`; a name in camel case stays. */
export function camelCase(name: string): string {
  return name.replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function kebabCase(setting: string): string {
  return setting.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
