import type { JsonObject } from "../domain/json.ts";
import type { Series } from "./prometheus-text.ts";

/** What a hub's metrics said at one moment. */
export interface Scrape {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly series: readonly Series[];
}

/** What happens more and more, and is shown for each second. */
const rates = {
  messagesIn: "twinhub_messages_received_total",
  bytesIn: "twinhub_message_received_bytes_total",
  messagesRead: "twinhub_messages_read_total",
  desiredPushes: "twinhub_desired_pushes_total",
  methods: "twinhub_method_calls_total",
  requests: "twinhub_http_requests_total",
  commits: "twinhub_commit_duration_seconds_count",
  connects: "twinhub_connects_total",
  authFailures: "twinhub_auth_failures_total",
  refusals: "twinhub_refusals_total",
} as const;

/**
 * `{version, store, ready, uptimeSeconds, devices, modules, connections, rates, queues, eventLog, process, disk}`. Rates are
 * those since `before`; null without it.
 */
export function hubStatus(now: Scrape, before: Scrape | undefined): JsonObject {
  const sum = (name: string, labels: Readonly<Record<string, string>> = {}): number =>
    sumOf(now, name, labels);
  const info = now.series.find(({ name }) => name === "twinhub_info")?.labels ?? {};
  const started = sum("process_start_time_seconds");
  const disk = now.series.some(({ name }) => name === "twinhub_data_directory_bytes");
  return {
    version: info["version"] ?? "unknown",
    store: info["store"] ?? "unknown",
    ready: sum("twinhub_ready") === 1,
    uptimeSeconds: started === 0 ? null : Math.max(0, Math.round(now.at / 1000 - started)),
    devices: sum("twinhub_devices"),
    modules: sum("twinhub_modules"),
    connections: connectionsOf(now),
    rates: before === undefined ? null : ratesOf(now, before),
    queues: {
      storeOperations: sum("twinhub_store_waiting_operations"),
      cloudToDevice: sum("twinhub_cloud_to_device_queue_messages"),
      routes: sum("twinhub_route_queue_messages"),
      queries: sum("twinhub_queries_waiting"),
      jobs: sum("twinhub_jobs_waiting"),
    },
    eventLog: {
      messages: sum("twinhub_event_log_messages"),
      bytes: sum("twinhub_event_log_bytes"),
    },
    process: {
      residentBytes: sum("process_resident_memory_bytes"),
      heapBytes: sum("nodejs_heap_size_used_bytes"),
      eventLoopDelayP99Seconds: finite(sum("nodejs_eventloop_lag_p99_seconds")),
    },
    disk: disk
      ? {
          usedBytes: sum("twinhub_data_directory_bytes"),
          freeBytes: sum("twinhub_disk_free_bytes"),
        }
      : null,
  };
}

function connectionsOf(scrape: Scrape): JsonObject {
  const live = scrape.series.filter(({ name }) => name === "twinhub_connections");
  const protocols = [...new Set(live.map(({ labels }) => labels["protocol"] ?? ""))];
  const countOf = (protocol: string, kind: string): number =>
    sumOf(scrape, "twinhub_connections", { protocol, kind });
  return Object.fromEntries(
    protocols.map((protocol) => [
      protocol,
      { devices: countOf(protocol, "device"), modules: countOf(protocol, "module") },
    ]),
  );
}

function ratesOf(now: Scrape, before: Scrape): JsonObject {
  const seconds = Math.max((now.at - before.at) / 1000, 0.001);
  return Object.fromEntries(
    Object.entries(rates).map(([name, metric]) => {
      // A hub that has restarted begins at zero again.
      const more = Math.max(0, sumOf(now, metric) - sumOf(before, metric));
      return [name, Math.round((more / seconds) * 10) / 10];
    }),
  );
}

function sumOf(
  { series }: Scrape,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const wanted = Object.entries(labels);
  let sum = 0;
  for (const one of series) {
    if (one.name === name && wanted.every(([label, value]) => one.labels[label] === value))
      sum += one.value;
  }
  return sum;
}

/** Nothing was measured yet where the value is no number. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
