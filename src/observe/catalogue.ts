/** One metric: its help text and the names of its labels, in the order in which they are shown. */
export interface Instrument {
  readonly help: string;
  readonly labels: readonly string[];
}

export interface HistogramInstrument extends Instrument {
  /** Upper bounds of the ranges, rising. */
  readonly buckets: readonly number[];
}

const durations = [
  0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** Counted while it happens. */
export const counters = {
  twinhub_connects_total: {
    help: "Connections that devices and modules have opened",
    labels: ["protocol", "kind"],
  },
  twinhub_disconnects_total: {
    help: "Connections of devices and modules that have ended",
    labels: ["protocol", "kind", "reason"],
  },
  twinhub_auth_failures_total: {
    help: "Credentials that were refused",
    labels: ["protocol"],
  },
  twinhub_messages_received_total: {
    help: "Device-to-cloud messages",
    labels: ["protocol", "kind", "result"],
  },
  twinhub_message_received_bytes_total: {
    help: "Bytes of the bodies of device-to-cloud messages",
    labels: ["protocol", "kind"],
  },
  twinhub_messages_read_total: {
    help: "Messages of the event log that readers were given",
    labels: ["protocol"],
  },
  twinhub_cloud_to_device_messages_total: {
    help: "Steps of messages to devices: queued, delivered, complete, abandon, reject, purged",
    labels: ["event"],
  },
  twinhub_cloud_to_device_delivered_bytes_total: {
    help: "Bytes of the bodies of messages that devices have taken",
    labels: ["protocol"],
  },
  twinhub_desired_pushes_total: {
    help: "Desired changes handed to live connections",
    labels: ["protocol", "kind"],
  },
  twinhub_method_calls_total: {
    help: "Direct methods by the status of the answer, or why there was none",
    labels: ["kind", "status"],
  },
  twinhub_refusals_total: {
    help: "Calls that the hub has refused, by the name of the error",
    labels: ["protocol", "error"],
  },
  twinhub_route_messages_total: {
    help: "Messages for endpoints of routes: delivered, retried, dead",
    labels: ["outcome"],
  },
  twinhub_http_requests_total: {
    help: "Answered HTTP requests",
    labels: ["method", "status"],
  },
  twinhub_commit_failures_total: { help: "Commits of which nothing was written", labels: [] },
} as const satisfies Readonly<Record<string, Instrument>>;

export const histograms = {
  twinhub_call_duration_seconds: {
    help: "Time from a call of the hub to its answer, after the commit if it writes; of telemetry.send one of 16",
    labels: ["call", "protocol", "kind", "result"],
    buckets: durations,
  },
  twinhub_desired_push_delay_seconds: {
    help: "Time from a desired change to handing it to the live connection",
    labels: [],
    buckets: durations,
  },
  twinhub_commit_duration_seconds: {
    help: "Time that a group commit takes, the disk's fsync included",
    labels: [],
    buckets: durations,
  },
  twinhub_commit_operations: {
    help: "Operations in one group commit",
    labels: [],
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096],
  },
} as const satisfies Readonly<Record<string, HistogramInstrument>>;

/** Read when somebody asks. */
export const gauges = {
  twinhub_info: { help: "Always 1: version, store and Node", labels: ["version", "store", "node"] },
  twinhub_ready: { help: "1 while the hub is ready, else 0", labels: [] },
  twinhub_connections: {
    help: "Live connections of devices and modules",
    labels: ["protocol", "kind"],
  },
  twinhub_devices: { help: "Devices by status", labels: ["status"] },
  twinhub_modules: { help: "Modules", labels: [] },
  twinhub_cloud_to_device_queue_messages: {
    help: "Messages that wait for devices, in the first 1,000 queues that are not empty",
    labels: [],
  },
  twinhub_cloud_to_device_queues: {
    help: "Devices for which messages wait, 1,000 at most",
    labels: [],
  },
  twinhub_event_log_messages: { help: "Messages that the event log keeps", labels: [] },
  twinhub_event_log_bytes: { help: "Bytes of the bodies that the event log keeps", labels: [] },
  twinhub_outbox_events: { help: "Events of the hub that are kept for replay", labels: [] },
  twinhub_store_waiting_operations: { help: "Operations that wait for a commit", labels: [] },
  twinhub_store_waiting_bytes: {
    help: "Bytes of message bodies that wait for a commit",
    labels: [],
  },
  twinhub_queries_running: { help: "Queries that are answered now", labels: [] },
  twinhub_queries_waiting: { help: "Queries that wait for their turn", labels: [] },
  twinhub_jobs_running: { help: "Jobs that run now", labels: [] },
  twinhub_jobs_waiting: { help: "Jobs that wait for their time or turn", labels: [] },
  twinhub_route_queue_messages: {
    help: "Messages that wait for webhooks, about",
    labels: [],
  },
  twinhub_data_directory_bytes: {
    help: "Bytes of the files in the data directory, without uploaded files",
    labels: [],
  },
  twinhub_disk_free_bytes: {
    help: "Free bytes on the disk of the data directory",
    labels: [],
  },
} as const satisfies Readonly<Record<string, Instrument>>;

/** Read when somebody asks, and never falling while the hub runs. */
export const readCounters = {
  twinhub_event_log_appended_total: {
    help: "Messages ever appended to the event log",
    labels: [],
  },
  twinhub_event_log_appended_bytes_total: {
    help: "Bytes of the bodies ever appended to the event log",
    labels: [],
  },
  twinhub_throttled_calls_total: {
    help: "Operations beyond a throttling limit: delayed or refused, or what would have been",
    labels: ["operation", "outcome", "mode"],
  },
  twinhub_network_bytes_total: {
    help: "Bytes on the wire, TLS included",
    labels: ["listener", "direction"],
  },
} as const satisfies Readonly<Record<string, Instrument>>;

/** A value that was read. */
export interface Sample {
  readonly name: keyof typeof gauges | keyof typeof readCounters;
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}
