import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  connectionStrings,
  defaultHostName,
  eventHubConnectionString,
  portalUrl,
  withPort,
} from "./addresses.ts";
import { defaultSettings } from "./app/context.ts";
import { createHub } from "./app/create-hub.ts";
import type { FileStorageParts } from "./app/files/find-storage.ts";
import { type Observer, observeHub } from "./app/observed-hub.ts";
import type { Clock, HubStore, Log, Random } from "./app/ports.ts";
import { Doors } from "./app/strangers/doors.ts";
import { FailedLogins } from "./app/strangers/failed-logins.ts";
import type { HubConfig } from "./config/schema.ts";
import { createAmqpHead } from "./heads/amqp/head.ts";
import { type HttpHead, createHttpHead } from "./heads/http/head.ts";
import { createMqttHead } from "./heads/mqtt/head.ts";
import { strangerLimits } from "./entrance.ts";
import { close, httpsListener, listen, renewCertificates, tlsListener } from "./listeners.ts";
import { metricsListener } from "./metrics-listener.ts";
import { createLog } from "./observe/log.ts";
import { ProcessMeter } from "./observe/meter.ts";
import { findTracing } from "./observe/tracing.ts";
import { metricsReader } from "./read-metrics.ts";
import { openAzureContainer } from "./stores/blobs/azure-container.ts";
import { createAzureStorage } from "./stores/blobs/azure-storage.ts";
import { openFileBlobStore } from "./stores/blobs/file-system.ts";
import { createMemoryBlobStore } from "./stores/blobs/memory.ts";
import { createMemoryStore } from "./stores/memory/store.ts";
import { openSqliteStore } from "./stores/sqlite/store.ts";
import { systemClock, systemRandom } from "./system.ts";
import { jobConcurrency, throttleSettings } from "./throttle-settings.ts";
import { loadOrCreateTls } from "./tls/server-certs.ts";
import { readVersion } from "./version.ts";
import { postToWebhook } from "./webhook-post.ts";

/**
 * When that is done which nobody waits for, in milliseconds: the routes are loaded, unless somebody has asked for one, and
 * at the first start the RSA key is made. Devices that waited for the hub go first.
 */
const afterStart = 250;

export interface ServerOptions {
  readonly log?: Log;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** A hub that accepts connections. */
export interface RunningHub {
  /** The name that stands in connection strings. */
  readonly hostName: string;
  readonly ports: { readonly https: number; readonly mqtts: number; readonly amqps: number };
  /** Where metrics and health are served without authentication, `127.0.0.1:9464`; null unless asked for. */
  readonly metricsAddress: string | null;
  /** Service connection strings by the name of their policy. */
  readonly connectionStrings: Readonly<Record<string, string>>;
  readonly eventHubConnectionString: string | null;
  /** The certificate to trust: PEM text, and the file that holds it if there is one. */
  readonly caPem: string;
  readonly caFile: string | null;
  readonly dataDir: string | null;
  /** Signs a browser in as the owner, once and for a quarter of an hour; `null` if the portal has not been built. */
  readonly portalUrl: string | null;
  /** Says that it is not ready, waits as long as it was told to, refuses new work, finishes what was acknowledged, lets go of everything. */
  stop(): Promise<void>;
}

/** The composition root: the only place that imports everything and constructs anything. */
export async function startServer(
  config: HubConfig,
  options: ServerOptions = {},
): Promise<RunningHub> {
  const log = options.log ?? createLog(config.logLevel);
  const clock = options.clock ?? systemClock;
  const random = options.random ?? systemRandom;
  const hostNames =
    config.hostNames.length > 0 ? config.hostNames : [defaultHostName(config.listen)];
  const undo: (() => Promise<void> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).toReversed()) await step();
  };

  try {
    const meter = new ProcessMeter();
    const store = await openStore(config, { clock, log, meter });
    undo.push(() => store.close());
    const tls = await openTls(config, hostNames);
    let httpsPort = config.httpsPort;
    const hub = await createHub({
      post: postToWebhook,
      store,
      meter,
      openContainer: (origin, uri) =>
        config.transferOrigins?.includes(origin) === true ? openAzureContainer(uri) : undefined,
      fileStorage: await openFileStorage(config, clock, () =>
        withPort(hostNames[0] ?? config.listen, httpsPort),
      ),
      clock,
      random,
      log,
      settings: {
        ...defaultSettings,
        hostNames: [...hostNames, config.listen],
        deviceAuthorities: await readAuthorities(config.deviceCaFiles),
        fileNotifications: config.fileNotifications ?? true,
        jobConcurrency: jobConcurrency(config),
        throttling: throttleSettings(config),
        queryDialect: config.queryDialect ?? "extended",
      },
    });
    undo.push(() => hub.stop());

    const limits = strangerLimits(config.strangers);
    const doors = new Doors(clock, limits);
    const failedLogins = new FailedLogins(clock, limits);
    const tracing = await findTracing(readVersion());
    const seen = (protocol: Observer["protocol"]) =>
      observeHub(hub.api, { protocol, meter, tracer: tracing });
    const mqtt = createMqttHead({
      hub: seen("mqtt"),
      clock,
      log,
      limits: {
        expiryGrace: config.sasGraceSeconds * 1000,
        connectDeadline: limits.signInTimeout,
      },
      failedLogins,
      faultInjection: config.faultInjection,
    });
    let amqpsPort = config.amqpsPort;
    const amqp = createAmqpHead({
      hub: seen("amqp"),
      clock,
      random,
      log,
      limits: {
        expiryGrace: config.sasGraceSeconds * 1000,
        openDeadline: limits.signInTimeout,
      },
      failedLogins,
      faultInjection: config.faultInjection,
      port: () => amqpsPort,
    });
    const portalDirectory = findPortal();
    const { faultInjection } = config;
    const http: HttpHead = createHttpHead({
      hub: seen("https"),
      clock,
      random,
      log,
      limits: { headersTimeout: limits.headersTimeout, requestTimeout: limits.bodyTimeout },
      failedLogins,
      portalDirectory,
      caPem: tls.caPem,
      faultInjection,
      meter,
      continueFrom: tracing?.continueFrom,
      metrics: () => metrics(),
      askStore: () => store.transaction(null, (tx) => tx.counts()),
    });
    http.registerWebSocket("mqtt", mqtt);
    http.registerWebSocket("AMQPWSB10", amqp);
    const entrance = { tls, doors, clock, log, handshakeTimeout: limits.handshakeTimeout };
    const https = httpsListener(entrance, http);
    const mqtts = tlsListener(entrance, mqtt);
    const amqps = tlsListener(entrance, amqp);
    let renewed: Promise<void> | undefined;
    undo.push(() => renewed);
    const metrics = metricsReader({
      hub,
      meter,
      dataDir: config.dataDir,
      listeners: { https, mqtts, amqps },
      readiness: () => http.readiness(),
    });
    const metricsAddress = await openMetrics(config.metrics, {
      metrics,
      readiness: () => http.readiness(),
      undo,
    });
    // Undone after the heads have stopped: a listener closes only when the last connection has ended.
    undo.push(() => close(https));
    undo.push(() => close(mqtts));
    undo.push(() => close(amqps));
    await mqtt.start();
    undo.push(() => mqtt.stop());
    await amqp.start();
    undo.push(() => amqp.stop());
    await http.start();
    undo.push(() => http.stop());
    const ports = {
      https: await listen(https, config.httpsPort, config.listen),
      mqtts: await listen(mqtts, config.mqttsPort, config.listen),
      amqps: await listen(amqps, config.amqpsPort, config.listen),
    };
    amqpsPort = ports.amqps;

    httpsPort = ports.https;

    const hostName = hostNames[0] ?? config.listen;
    // A failure shows at the first request, which tries for itself.
    undo.push(systemClock.after(afterStart, () => void http.load().catch(() => undefined)));
    undo.push(
      systemClock.after(afterStart, () => {
        renewed = tls.complete?.().then(
          (complete) => {
            for (const each of [https, mqtts, amqps])
              renewCertificates(each, { ...entrance, tls: complete });
          },
          (error: unknown) => log.error({ err: error }, "the RSA certificate could not be made"),
        );
      }),
    );
    log.info(
      { hostName, ...ports, metrics: metricsAddress, store: config.dataDir ?? "memory" },
      "hub is ready",
    );
    return {
      hostName,
      ports,
      metricsAddress,
      connectionStrings: connectionStrings(hub, hostName),
      eventHubConnectionString: eventHubConnectionString(hub, hostName, ports.amqps),
      caPem: tls.caPem,
      caFile: tls.caFile,
      dataDir: config.dataDir,
      portalUrl:
        portalDirectory === undefined
          ? null
          : portalUrl(http, hostName, ports.https, hub.policies, clock),
      stop: async () => {
        http.drain();
        await drained(clock, config.drainSeconds);
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The portal is built into the same folder as this file, or beside it while this file runs from its source. */
function findPortal(): string | undefined {
  return ["portal", join("..", "dist", "portal")]
    .map((folder) => join(import.meta.dirname, folder))
    .find((folder) => existsSync(join(folder, "index.html")));
}

/** Serves on while those who balance loads learn that this hub is going. */
async function drained(clock: Clock, seconds = 0): Promise<void> {
  if (seconds > 0) await new Promise<void>((resolve) => void clock.after(seconds * 1000, resolve));
}

async function openMetrics(
  address: HubConfig["metrics"],
  { undo, ...parts }: Parameters<typeof metricsListener>[0] & { undo: (() => unknown)[] },
): Promise<string | null> {
  if (address === undefined) return null;
  const server = metricsListener(parts);
  const port = await listen(server, address.port, address.host);
  undo.push(() => {
    server.closeAllConnections();
    return close(server);
  });
  return `${address.host.includes(":") ? `[${address.host}]` : address.host}:${port}`;
}

function openStore(
  config: HubConfig,
  parts: { readonly clock: Clock; readonly log: Log; readonly meter: ProcessMeter },
): Promise<HubStore> {
  const { dataDir, partitions, durability } = config;
  if (dataDir === null) return Promise.resolve(createMemoryStore({ ...parts, partitions }));
  return openSqliteStore({ ...parts, directory: dataDir, partitions, durability });
}

/** Where the files of devices go: beside the hub's other data, into memory with them, or into an account elsewhere. */
async function openFileStorage(
  config: HubConfig,
  clock: Clock,
  address: () => string,
): Promise<FileStorageParts | undefined> {
  const { dataDir, durability, storage } = config;
  if (config.fileUpload === false) return undefined;
  if (storage !== undefined) {
    const { containerName, ...account } = storage;
    return { kind: "account", storage: createAzureStorage({ account, containerName, clock }) };
  }
  const blobs =
    dataDir === null
      ? createMemoryBlobStore({ clock })
      : await openFileBlobStore({ directory: join(dataDir, "blobs"), clock, durability });
  return { kind: "own", blobs, address };
}

/** The certificates of the given PEM files, each of which may hold several. */
async function readAuthorities(files: readonly string[]): Promise<string[]> {
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
  return texts.flatMap(
    (text) => text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [],
  );
}

function openTls(config: HubConfig, hostNames: readonly string[]) {
  const { dataDir, tlsCertFile, tlsKeyFile, listen: address } = config;
  const own =
    tlsCertFile !== undefined && tlsKeyFile !== undefined
      ? { certFile: tlsCertFile, keyFile: tlsKeyFile }
      : undefined;
  return loadOrCreateTls({
    directory: dataDir === null ? null : join(dataDir, "tls"),
    hostNames: [...hostNames, address],
    // Clients judge certificates by real time, whatever clock a test gives the hub.
    now: systemClock.now(),
    ...(own === undefined ? {} : { own }),
  });
}
