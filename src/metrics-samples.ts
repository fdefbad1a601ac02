import { readdir, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { HubFigures } from "./app/figures.ts";
import type { ThrottleFigure } from "./app/throttling/throttles.ts";
import type { Sample } from "./observe/catalogue.ts";

/** What goes over the wire at one listener, TLS included. */
export interface NetworkFigures {
  readonly listener: "https" | "mqtts" | "amqps";
  readonly received: number;
  readonly sent: number;
}

/** Files of a data directory that are looked at. */
const maxFiles = 1_000;

/** The hub's figures under the names of metrics (docs/reference/metrics.md). */
export function hubSamples(figures: HubFigures): Sample[] {
  const { registry, store, cloudToDevice, queries, jobs } = figures;
  const { eventLog } = store;
  const enabled = registry.devices - registry.disabledDevices;
  return [
    { name: "twinhub_devices", labels: { status: "enabled" }, value: enabled },
    {
      name: "twinhub_devices",
      labels: { status: "disabled" },
      value: registry.disabledDevices,
    },
    { name: "twinhub_modules", value: registry.modules },
    ...figures.connections.map(({ protocol, kind, count }): Sample => ({
      name: "twinhub_connections",
      labels: { protocol, kind },
      value: count,
    })),
    { name: "twinhub_cloud_to_device_queue_messages", value: cloudToDevice.messages },
    { name: "twinhub_cloud_to_device_queues", value: cloudToDevice.queues },
    { name: "twinhub_event_log_messages", value: eventLog.messages },
    { name: "twinhub_event_log_bytes", value: eventLog.bytes },
    { name: "twinhub_event_log_appended_total", value: eventLog.appended },
    { name: "twinhub_event_log_appended_bytes_total", value: eventLog.appendedBytes },
    { name: "twinhub_outbox_events", value: store.outboxEvents },
    { name: "twinhub_store_waiting_operations", value: store.waiting },
    { name: "twinhub_store_waiting_bytes", value: store.waitingBytes },
    { name: "twinhub_queries_running", value: queries.running },
    { name: "twinhub_queries_waiting", value: queries.waiting },
    { name: "twinhub_jobs_running", value: jobs.running },
    { name: "twinhub_jobs_waiting", value: jobs.waiting },
    ...figures.throttles.flatMap(throttleSamples),
    { name: "twinhub_route_queue_messages", value: figures.routeQueue },
  ];
}

function throttleSamples({ operation, mode, delayed, refused }: ThrottleFigure): Sample[] {
  const name = "twinhub_throttled_calls_total";
  return [
    { name, labels: { operation, outcome: "delayed", mode }, value: delayed },
    { name, labels: { operation, outcome: "refused", mode }, value: refused },
  ];
}

export function networkSamples(figures: readonly NetworkFigures[]): Sample[] {
  const name = "twinhub_network_bytes_total";
  return figures.flatMap(({ listener, received, sent }): Sample[] => [
    { name, labels: { listener, direction: "in" }, value: received },
    { name, labels: { listener, direction: "out" }, value: sent },
  ]);
}

/** What the data directory takes and what its disk has left; nothing for a hub in memory. */
export async function diskSamples(directory: string | null): Promise<Sample[]> {
  if (directory === null) return [];
  const { bavail, bsize } = await statfs(directory);
  return [
    { name: "twinhub_data_directory_bytes", value: await sizeOf(directory) },
    { name: "twinhub_disk_free_bytes", value: bavail * bsize },
  ];
}

/** Of the files directly in it: uploaded files lie deeper. */
async function sizeOf(directory: string): Promise<number> {
  const names = (await readdir(directory)).slice(0, maxFiles);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(directory, name)).then(
        (entry) => (entry.isFile() ? entry.size : 0),
        // It may have gone meanwhile.
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
