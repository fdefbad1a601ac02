import path from "node:path";
import { ConfigError } from "./config-error.ts";
import { readConfigFile } from "./file.ts";
import { camelCase, environmentName, flagName } from "./names.ts";
import { nearest } from "./nearest.ts";
import {
  type HubConfig,
  type SettingName,
  type Settings,
  type StrangerConfig,
  settingNames,
  settingsSchema,
  throttleTiers,
} from "./schema.ts";

/** Where settings come from. Keys of `flags` are those of the file, in camel case. */
export interface ConfigSources {
  readonly flags: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Relative paths, wherever they were given, start here. */
  readonly directory: string;
}

export interface LoadedConfig {
  readonly hub: HubConfig;
  readonly output: "json" | "text";
}

interface Given {
  readonly value: unknown;
  /** The name under which the person gave it. */
  readonly as: string;
}

/** Variables with the prefix that are not settings of the hub. */
const otherVariables = new Set(["TWINHUB_CONFIG", "TWINHUB_CA_FILE"]);

/**
 * One setting, three places: `--https-port` before `TWINHUB_HTTPS_PORT` before `httpsPort` or `https-port` in the
 * file that `--config` or `TWINHUB_CONFIG` names, before the default. A list replaces the list of a weaker place.
 *
 * Throws `ConfigError` for an unknown name and for a value that does not fit.
 */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const { config: flagFile, ...flags } = sources.flags;
  const file = flagFile ?? nonEmpty(sources.environment["TWINHUB_CONFIG"]);
  const given = new Map<SettingName, Given>([
    ...(typeof file === "string" ? fromFile(path.resolve(sources.directory, file)) : []),
    ...fromEnvironment(sources.environment),
    ...fromFlags(flags),
  ]);
  const settings = parse(given);
  return { hub: hubConfig(settings, sources.directory), output: settings.output };
}

function fromFlags(flags: Readonly<Record<string, unknown>>): [SettingName, Given][] {
  const found: [SettingName, Given][] = [];
  for (const [key, value] of Object.entries(flags)) {
    if (value === undefined) continue;
    if (!isSetting(key)) throw unknown(`--${key}`, key, flagName);
    found.push([key, { value, as: flagName(key) }]);
  }
  return found;
}

function fromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): [SettingName, Given][] {
  const found: [SettingName, Given][] = [];
  for (const [name, text] of Object.entries(environment)) {
    const value = nonEmpty(text);
    if (!name.startsWith("TWINHUB_") || value === undefined) continue;
    if (otherVariables.has(name) || isServiceLink(name, value)) continue;
    const key = camelCase(name.slice("TWINHUB_".length).toLowerCase().replaceAll("_", "-"));
    if (!isSetting(key)) throw unknown(`environment variable ${name}`, key, environmentName);
    found.push([key, { value, as: name }]);
  }
  return found;
}

function fromFile(file: string): [SettingName, Given][] {
  const found = new Map<SettingName, Given>();
  for (const [name, value] of readConfigFile(file)) {
    const key = camelCase(name);
    if (!isSetting(key)) throw unknown(`key '${name}' in ${file}`, key, (known) => known);
    if (found.has(key)) throw new ConfigError(`'${name}' stands twice in ${file}`);
    // An empty entry is as good as none.
    if (value !== null) found.set(key, { value, as: `'${name}' in ${file}` });
  }
  return [...found];
}

/** Kubernetes sets such variables in the pods beside a service whose name begins with "twinhub". */
function isServiceLink(name: string, value: string): boolean {
  return (
    /_SERVICE_(?:HOST|PORT)(?:_|$)/.test(name) ||
    /_PORT_\d+_/.test(name) ||
    /^(?:tcp|udp|sctp):\/\//.test(value)
  );
}

function isSetting(name: string): name is SettingName {
  return settingNames.some((known) => known === name);
}

function unknown(what: string, key: string, show: (name: SettingName) => string): ConfigError {
  const near = nearest(key, settingNames);
  const hint = near === undefined ? "" : `, did you mean ${show(near)}?`;
  return new ConfigError(`Unknown setting: ${what}${hint}`);
}

function parse(given: ReadonlyMap<SettingName, Given>): Settings {
  const values = Object.fromEntries([...given].map(([name, { value }]) => [name, value]));
  const result = settingsSchema.safeParse(values);
  if (result.success) return checkTogether(result.data, given);
  const [issue] = result.error.issues;
  const name = given.get(issue?.path[0] as SettingName)?.as ?? "A setting";
  throw new ConfigError(`${name} ${issue?.message ?? "cannot be used"}`);
}

function checkTogether(settings: Settings, given: ReadonlyMap<SettingName, Given>): Settings {
  const { tlsCert, tlsKey, storageConnectionString, storageContainer } = settings;
  if (storageContainer !== undefined && storageConnectionString === undefined) {
    throw new ConfigError(
      `${given.get("storageContainer")?.as ?? "A container"} needs --storage-connection-string too`,
    );
  }
  if ((tlsCert === undefined) === (tlsKey === undefined)) return settings;
  const one = given.get("tlsCert") ?? given.get("tlsKey");
  throw new ConfigError(
    `${one?.as ?? "A certificate"} needs ${tlsCert === undefined ? "--tls-cert" : "--tls-key"} too`,
  );
}

function hubConfig(settings: Settings, directory: string): HubConfig {
  const absolute = (file: string): string => path.resolve(directory, file);
  return Object.freeze({
    dataDir: settings.memory ? null : absolute(settings.data),
    hostNames: Object.freeze(settings.hostName),
    listen: settings.listen,
    httpsPort: settings.httpsPort,
    mqttsPort: settings.mqttsPort,
    amqpsPort: settings.amqpsPort,
    partitions: settings.partitions,
    deviceCaFiles: Object.freeze(settings.deviceCa.map(absolute)),
    ...(settings.tlsCert === undefined ? {} : { tlsCertFile: absolute(settings.tlsCert) }),
    ...(settings.tlsKey === undefined ? {} : { tlsKeyFile: absolute(settings.tlsKey) }),
    logLevel: settings.logLevel,
    ...(settings.metrics === undefined ? {} : { metrics: Object.freeze(settings.metrics) }),
    drainSeconds: settings.drain,
    durability: settings.durability,
    sasGraceSeconds: settings.sasGrace,
    faultInjection: settings.faultInjection,
    queryDialect: settings.queryDialect,
    jobConcurrency: settings.jobConcurrency,
    fileUpload: settings.fileUpload,
    fileNotifications: settings.fileNotifications,
    strangers: strangersOf(settings),
    ...(settings.transferOrigin.length === 0
      ? {}
      : { transferOrigins: Object.freeze(settings.transferOrigin) }),
    ...throttleOf(settings),
    ...storageOf(settings),
  });
}

function strangersOf(settings: Settings): StrangerConfig {
  return Object.freeze({
    handshakeSeconds: settings.handshakeTimeout,
    signInSeconds: settings.signInTimeout,
    headersSeconds: settings.headersTimeout,
    bodySeconds: settings.bodyTimeout,
    connections: settings.maxConnections,
    connectionsPerAddress: settings.maxConnectionsPerAddress,
    strangers: settings.maxStrangers,
    strangersPerAddress: settings.maxStrangersPerAddress,
    failures: settings.maxFailedLogins,
  });
}

function throttleOf(settings: Settings): Pick<HubConfig, "throttle"> {
  const { throttle, throttleUnits: units, throttleLimits, throttleBurst: burstSeconds } = settings;
  const limits = throttleLimits.trim();
  if (throttle === "off" && limits === "") return {};
  const enforces = !throttle.startsWith("observe");
  // To observe without saying whom is to observe the smallest tier that people pay for.
  const named = throttle === "observe" ? "S1" : throttle.replace("observe-", "");
  const tier = throttleTiers.find((known) => known === named) ?? null;
  return { throttle: Object.freeze({ tier, units, limits, enforces, burstSeconds }) };
}

function storageOf({
  storageConnectionString: account,
  storageContainer: containerName = "uploads",
}: Settings): Pick<HubConfig, "storage"> {
  return account === undefined ? {} : { storage: Object.freeze({ ...account, containerName }) };
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === "" ? undefined : text;
}
