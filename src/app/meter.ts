/** Rises only. */
export interface Counter {
  add(by: number): void;
}

/** How often values fell into which range. */
export interface Histogram {
  record(value: number): void;
}

/** What is counted while it happens (docs/reference/metrics.md). */
export type CounterName =
  | "twinhub_connects_total"
  | "twinhub_disconnects_total"
  | "twinhub_auth_failures_total"
  | "twinhub_messages_received_total"
  | "twinhub_message_received_bytes_total"
  | "twinhub_messages_read_total"
  | "twinhub_cloud_to_device_messages_total"
  | "twinhub_cloud_to_device_delivered_bytes_total"
  | "twinhub_desired_pushes_total"
  | "twinhub_method_calls_total"
  | "twinhub_refusals_total"
  | "twinhub_route_messages_total"
  | "twinhub_http_requests_total"
  | "twinhub_commit_failures_total";

export type HistogramName =
  | "twinhub_call_duration_seconds"
  | "twinhub_desired_push_delay_seconds"
  | "twinhub_commit_duration_seconds"
  | "twinhub_commit_operations";

/** Values from small closed sets; never an id, a name or anything else that callers choose. */
export type Labels = Readonly<Record<string, string>>;

/**
 * Instruments by name and labels. The same name and labels give the same instrument, so a hot path looks its own up once
 * and keeps it; recording is then plain arithmetic.
 */
export interface Meter {
  readonly counter: (name: CounterName, labels?: Labels) => Counter;
  readonly histogram: (name: HistogramName, labels?: Labels) => Histogram;
  /** A time that never goes back, in seconds; only differences mean something. */
  readonly seconds: () => number;
}

const nothing = { add() {}, record() {} };

/** Measures nothing. */
export const noMeter: Meter = {
  counter: () => nothing,
  histogram: () => nothing,
  seconds: () => 0,
};
