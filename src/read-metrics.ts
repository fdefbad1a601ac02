import type { Server } from "node:net";
import type { Hub } from "./app/create-hub.ts";
import type { Readiness } from "./heads/http/readiness.ts";
import type { Exposition } from "./observe/exposition.ts";
import type { ProcessMeter } from "./observe/meter.ts";
import { diskSamples, hubSamples, networkSamples } from "./metrics-samples.ts";
import { NetworkCount } from "./network-count.ts";
import { readVersion } from "./version.ts";

export interface MetricsSources {
  readonly hub: Hub;
  readonly meter: ProcessMeter;
  readonly dataDir: string | null;
  readonly listeners: Readonly<Record<"https" | "mqtts" | "amqps", Server>>;
  readonly readiness: () => Promise<Readiness>;
}

/** Whoever asks for the metrics of a hub gets them from here; asking at the same time counts once. */
export function metricsReader(sources: MetricsSources): () => Promise<Exposition> {
  const { https, mqtts, amqps } = sources.listeners;
  const network = { https: count(https), mqtts: count(mqtts), amqps: count(amqps) };
  let reading: Promise<Exposition> | undefined;
  return () => {
    reading ??= read(sources, network).finally(() => {
      reading = undefined;
    });
    return reading;
  };
}

function count(server: Server): NetworkCount {
  const made = new NetworkCount();
  made.watch(server);
  return made;
}

async function read(
  { hub, meter, dataDir, readiness }: MetricsSources,
  network: Readonly<Record<"https" | "mqtts" | "amqps", NetworkCount>>,
): Promise<Exposition> {
  // Loaded when first asked for: a hub that nobody watches starts without it.
  const { expose } = await import("./observe/exposition.ts");
  const store = dataDir === null ? "memory" : "sqlite";
  return expose(meter, [
    {
      name: "twinhub_info",
      labels: { version: readVersion(), store, node: process.versions.node },
      value: 1,
    },
    { name: "twinhub_ready", value: (await readiness()).status === "ready" ? 1 : 0 },
    ...hubSamples(await hub.figures()),
    ...networkSamples([
      { listener: "https", ...network.https.read() },
      { listener: "mqtts", ...network.mqtts.read() },
      { listener: "amqps", ...network.amqps.read() },
    ]),
    ...(await diskSamples(dataDir)),
  ]);
}
