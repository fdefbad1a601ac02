import { isIP } from "node:net";
import * as z from "zod";
import { type StorageAccountConfig, readStorageAccount } from "./storage-account.ts";

/** What a hub is started with. Frozen; paths are absolute. */
export interface HubConfig {
  /** Holds all state; `null` keeps it in memory. */
  readonly dataDir: string | null;
  /** Names of the hub without ports, the first for connection strings; empty means the address listened on. */
  readonly hostNames: readonly string[];
  /** IP address or name to bind. */
  readonly listen: string;
  /** 0 is any free port, here and below. */
  readonly httpsPort: number;
  readonly mqttsPort: number;
  readonly amqpsPort: number;
  /** Of the log of device-to-cloud messages; fixed at the first start. */
  readonly partitions: number;
  /** PEM files of CAs whose device certificates are accepted. */
  readonly deviceCaFiles: readonly string[];
  /** PEM files of a server certificate from elsewhere; both or none. */
  readonly tlsCertFile?: string | undefined;
  readonly tlsKeyFile?: string | undefined;
  readonly logLevel: "debug" | "info" | "warn" | "error" | "silent";
  /** Where metrics and health are served without authentication; missing: nowhere. */
  readonly metrics?: Address | undefined;
  /** How long the hub serves on after it was told to stop and says that it is not ready; 0 if missing. */
  readonly drainSeconds?: number | undefined;
  /** `disk`: acknowledged data survives a power cut; `os`: it survives the end of the process. */
  readonly durability: "disk" | "os";
  /** How long a connection outlives its token. */
  readonly sasGraceSeconds: number;
  /** Whether devices may ask for faults by message (spec/mqtt §14). */
  readonly faultInjection: boolean;
  /** `strict` refuses queries that IoT Hub refuses; `extended` if missing. */
  readonly queryDialect?: "strict" | "extended" | undefined;
  /** Jobs that run at the same time; ten if missing. */
  readonly jobConcurrency?: number | undefined;
  /** What is throttled; nothing if missing. */
  readonly throttle?: ThrottleConfig | undefined;
  /** What strangers may hold open; the defaults if missing. */
  readonly strangers?: StrangerConfig | undefined;
  /** Whether devices may upload files; yes if missing. */
  readonly fileUpload?: boolean | undefined;
  /** Whether services hear of uploaded files; yes if missing. */
  readonly fileNotifications?: boolean | undefined;
  /** Origins of storage accounts whose containers imports and exports may use. */
  readonly transferOrigins?: readonly string[] | undefined;
  /** Where files go; missing: to the hub itself. */
  readonly storage?: (StorageAccountConfig & { readonly containerName: string }) | undefined;
}

export const throttleTiers = ["F1", "B1", "S1", "B2", "S2", "B3", "S3"] as const;

export interface ThrottleConfig {
  /** Whose limits hold; `null`: only `limits`. */
  readonly tier: (typeof throttleTiers)[number] | null;
  readonly units: number;
  /** Limits by name over those of the tier, `telemetry=10/s,quota=1000/day`; may be empty. */
  readonly limits: string;
  /** False: only counts what would have been put off or refused. */
  readonly enforces: boolean;
  /** So much of each limit passes at once after a rest. */
  readonly burstSeconds: number;
}

/** What whoever has not proven itself may hold open: times in seconds, counts of connections and of refused logins. */
export interface StrangerConfig {
  readonly handshakeSeconds?: number;
  readonly signInSeconds?: number;
  readonly headersSeconds?: number;
  readonly bodySeconds?: number;
  readonly connections?: number;
  readonly connectionsPerAddress?: number;
  readonly strangers?: number;
  readonly strangersPerAddress?: number;
  /** Of one address and identity in ten seconds, before answers to further ones wait. */
  readonly failures?: number;
}

/** A host and a port. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

export const maxHostNames = 50;
export const maxDeviceCas = 50;
export const maxTransferOrigins = 20;
/** IoT Hub's own limit. */
export const maxPartitions = 32;
export const maxSasGraceSeconds = 86_400;
export const maxDrainSeconds = 3_600;
export const maxJobConcurrency = 100;
const maxUnits = 200;
const maxBurstSeconds = 3_600;
const maxStrangerSeconds = 600;
const maxConnectionCount = 1_000_000;
const maxLimitsText = 1_000;

const hostName =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/i;

/** A dotted address has the form of a host name, and for the other kind Node compiles an expression of thousands of characters. */
function isHost(text: string): boolean {
  return hostName.test(text) || isIP(text) !== 0;
}

/** Flags and environment variables are text; the file has numbers. */
function integer(from: number, to: number) {
  const error = `must be a whole number from ${from} to ${to}`;
  return z.preprocess(
    (value) => (typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : value),
    z.int({ error }).min(from, { error }).max(to, { error }),
  );
}

const port = integer(0, 65_535);

const toggle = z.preprocess(
  (value) => (value === "true" ? true : value === "false" ? false : value),
  z.boolean({ error: "must be true or false" }),
);

/** A list in the file, comma-separated in an environment variable, repeated as a flag. */
function list(item: z.ZodType<string, string>, limit: number) {
  return z.preprocess(
    (value) => (typeof value === "string" ? value.split(",").map((part) => part.trim()) : value),
    z
      .array(item, { error: "must be a list" })
      .max(limit, { error: `has more than ${limit} entries` }),
  );
}

const file = z.string({ error: "must be a file name" }).min(1, { error: "must not be empty" });

const host = z
  .string({ error: "must be text" })
  .refine(isHost, { error: "must be a host name or an IP address, without scheme and port" });

function oneOf<const T extends readonly [string, ...string[]]>(values: T) {
  return z.enum(values, { error: `must be ${values.join(" or ")}` });
}

/** `9464` and `:9464` are on the loopback; another host has to be named. */
const address = z.preprocess(
  (value) => (typeof value === "number" ? String(value) : value),
  z.string({ error: "must be a port or host:port" }).transform((text, context): Address => {
    const [, brackets, name, digits = ""] =
      /^(?:(?:\[([0-9a-f:.]+)\]|([^:[\]]*)):)?(\d{1,5})$/i.exec(text) ?? [];
    const found = brackets ?? name ?? "";
    const address = { host: found === "" ? "127.0.0.1" : found, port: Number(digits) };
    if (digits !== "" && address.port <= 65_535 && isHost(address.host)) return address;
    context.addIssue("must be a port or host:port");
    return z.NEVER;
  }),
);

const storageAccount = z.string({ error: "must be text" }).transform((text, context) => {
  const account = readStorageAccount(text);
  if (typeof account !== "string") return account;
  context.addIssue(account);
  return z.NEVER;
});

const origin = z
  .string({ error: "must be text" })
  .refine(
    (text) => /^https?:\/\//.test(text) && URL.canParse(text) && new URL(text).origin === text,
    {
      error:
        "must be http:// or https:// and a host, with its port if it has one, and nothing more",
    },
  );

const container = z
  .string({ error: "must be text" })
  .regex(/^(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*$/, {
    error: "must be 3 to 63 lower-case letters, digits and single hyphens",
  });

const shape = {
  data: z
    .string({ error: "must be a directory" })
    .min(1, { error: "must not be empty" })
    .default("./data"),
  memory: toggle.default(false),
  hostName: list(host, maxHostNames).default([]),
  listen: host.default("127.0.0.1"),
  httpsPort: port.default(443),
  mqttsPort: port.default(8883),
  amqpsPort: port.default(5671),
  partitions: integer(1, maxPartitions).default(4),
  deviceCa: list(file, maxDeviceCas).default([]),
  tlsCert: file.optional(),
  tlsKey: file.optional(),
  logLevel: oneOf(["debug", "info", "warn", "error", "silent"]).default("warn"),
  metrics: address.optional(),
  drain: integer(0, maxDrainSeconds).default(0),
  durability: oneOf(["disk", "os"]).default("disk"),
  sasGrace: integer(0, maxSasGraceSeconds).default(600),
  faultInjection: toggle.default(true),
  queryDialect: oneOf(["strict", "extended"]).default("extended"),
  jobConcurrency: integer(1, maxJobConcurrency).default(10),
  throttle: oneOf([
    "off",
    "observe",
    ...throttleTiers,
    ...throttleTiers.map((tier) => `observe-${tier}` as const),
  ]).default("off"),
  throttleUnits: integer(1, maxUnits).default(1),
  throttleLimits: z
    .string({ error: "must be text" })
    .max(maxLimitsText, { error: `has more than ${maxLimitsText} characters` })
    .default(""),
  throttleBurst: integer(0, maxBurstSeconds).default(60),
  handshakeTimeout: integer(1, maxStrangerSeconds).default(60),
  signInTimeout: integer(1, maxStrangerSeconds).default(60),
  headersTimeout: integer(1, maxStrangerSeconds).default(10),
  bodyTimeout: integer(1, maxStrangerSeconds).default(30),
  maxConnections: integer(1, maxConnectionCount).default(100_000),
  maxConnectionsPerAddress: integer(1, maxConnectionCount).default(20_000),
  maxStrangers: integer(1, maxConnectionCount).default(10_000),
  maxStrangersPerAddress: integer(1, maxConnectionCount).default(4_096),
  maxFailedLogins: integer(1, maxConnectionCount).default(10),
  fileUpload: toggle.default(true),
  fileNotifications: toggle.default(true),
  storageConnectionString: storageAccount.optional(),
  transferOrigin: list(origin, maxTransferOrigins).default([]),
  storageContainer: container.optional(),
  output: oneOf(["json", "text"]).default("text"),
};

/** All settings under their names in the file, in camel case. */
export const settingsSchema = z.strictObject(shape);

export type Settings = z.output<typeof settingsSchema>;
export type SettingName = keyof Settings;

export const settingNames = Object.keys(shape) as SettingName[];

/** How a setting is shown as a flag. Without `value` it is a switch. */
export interface SettingHelp {
  readonly value?: string;
  readonly repeatable?: true;
  readonly text: string;
}

export const settingHelp: Readonly<Record<SettingName, SettingHelp>> = {
  data: { value: "directory", text: "where state, keys and certificates are kept" },
  memory: { text: "keep everything in memory: all is gone when the hub stops" },
  hostName: {
    value: "name",
    repeatable: true,
    text: "name of the hub; the first one stands in connection strings, all in the certificate",
  },
  listen: { value: "address", text: "address to listen on" },
  httpsPort: { value: "port", text: "HTTPS and WebSocket; 0 is any free port" },
  mqttsPort: { value: "port", text: "MQTT over TLS" },
  amqpsPort: { value: "port", text: "AMQP over TLS" },
  partitions: { value: "count", text: "partitions of the device-to-cloud log" },
  deviceCa: {
    value: "file",
    repeatable: true,
    text: "PEM of a CA whose device certificates are accepted as verified",
  },
  tlsCert: { value: "file", text: "PEM of a server certificate instead of the hub's own" },
  tlsKey: { value: "file", text: "PEM of its private key" },
  logLevel: { value: "level", text: "debug, info, warn, error or silent; goes to standard error" },
  metrics: {
    value: "address",
    text: "port or host:port for metrics and health without authentication; on the loopback unless a host is named",
  },
  drain: {
    value: "seconds",
    text: "how long to serve on, saying that it is not ready, after it was told to stop",
  },
  durability: {
    value: "kind",
    text: "disk: acknowledged data survives a power cut; os: it survives the end of the process",
  },
  sasGrace: { value: "seconds", text: "how long a connection outlives its token" },
  faultInjection: {
    text: "let devices ask for faults of their own connections; false to end that",
  },
  queryDialect: {
    value: "dialect",
    text: "strict: what IoT Hub answers, no more; extended: with this hub's additions",
  },
  jobConcurrency: { value: "count", text: "jobs that run at the same time; others wait" },
  handshakeTimeout: { value: "seconds", text: "how long a peer may take for its TLS handshake" },
  signInTimeout: {
    value: "seconds",
    text: "how long a peer may take from there until it has proven who it is, over MQTT and AMQP",
  },
  headersTimeout: { value: "seconds", text: "how long the headers of an HTTP request may take" },
  bodyTimeout: { value: "seconds", text: "how long the body of an HTTP request may take" },
  maxConnections: { value: "count", text: "connections of all ports" },
  maxConnectionsPerAddress: { value: "count", text: "connections of one address" },
  maxStrangers: { value: "count", text: "connections whose peers have not proven who they are" },
  maxStrangersPerAddress: { value: "count", text: "the same of one address" },
  maxFailedLogins: {
    value: "count",
    text: "refused logins of one address and identity in ten seconds before answers are delayed",
  },
  throttle: {
    value: "tier",
    text: "refuse what a hub of this tier (F1, B1 to S3) refuses; observe, observe-F1 and so on only count it",
  },
  throttleUnits: { value: "count", text: "units of that tier" },
  throttleLimits: {
    value: "list",
    text: "limits by name over those of the tier, or alone: telemetry=10/s,quota=1000/day",
  },
  throttleBurst: {
    value: "seconds",
    text: "so many seconds' worth of a limit pass at once after a rest",
  },
  fileUpload: { text: "let devices upload files; on unless told otherwise" },
  fileNotifications: { text: "tell services of uploaded files; on unless told otherwise" },
  storageConnectionString: {
    value: "text",
    text: "of an Azure Storage or Azurite account for files, instead of the hub's own storage",
  },
  storageContainer: { value: "name", text: "the container in that account (default: uploads)" },
  transferOrigin: {
    value: "origin",
    repeatable: true,
    text: "a storage account, https://account.blob.core.windows.net, whose containers imports and exports may use",
  },
  output: { value: "format", text: "text, or json for one line of JSON" },
};
