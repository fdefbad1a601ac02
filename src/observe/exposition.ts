import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import {
  type HistogramInstrument,
  type Instrument,
  type Sample,
  counters,
  gauges,
  histograms,
  readCounters,
} from "./catalogue.ts";
import type { CounterSeries, HistogramSeries, ProcessMeter } from "./meter.ts";

export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

let process: Registry | undefined;

/** The process's own metrics: one for all hubs in it, from the first time that somebody asks. */
function processRegistry(): Registry {
  if (process === undefined) {
    process = new Registry();
    collectDefaultMetrics({ register: process });
  }
  return process;
}

/** Everything that is known now, in Prometheus' text format 0.0.4. */
export async function expose(meter: ProcessMeter, samples: readonly Sample[]): Promise<Exposition> {
  const registry = new Registry();
  for (const [name, instrument] of Object.entries<Instrument>(counters))
    addCounter(registry, name, instrument, [...(meter.counterSeries.get(name)?.values() ?? [])]);
  for (const [name, instrument] of Object.entries<HistogramInstrument>(histograms)) {
    const series = [...(meter.histogramSeries.get(name)?.values() ?? [])];
    registry.registerMetric(new ReadHistogram(name, instrument, series));
  }
  for (const [name, instrument] of Object.entries<Instrument>(readCounters))
    addCounter(registry, name, instrument, samplesOf(samples, name));
  for (const [name, { help, labels }] of Object.entries<Instrument>(gauges)) {
    const found = samplesOf(samples, name);
    const gauge = new Gauge({ name, help, labelNames: labels, registers: [registry] });
    if (labels.length === 0 && found.length === 0) gauge.remove();
    for (const { labels: values = {}, value } of found) gauge.set(values, value);
  }
  const merged = Registry.merge([registry, processRegistry()]);
  return { contentType: merged.contentType, text: await merged.metrics() };
}

function samplesOf(samples: readonly Sample[], name: string): readonly Sample[] {
  return samples.filter((sample) => sample.name === name);
}

function addCounter(
  registry: Registry,
  name: string,
  { help, labels }: Instrument,
  series: readonly (Pick<CounterSeries, "value"> & Pick<Sample, "labels">)[],
): void {
  const counter = new Counter({ name, help, labelNames: labels, registers: [registry] });
  for (const { labels: values = {}, value } of series) counter.inc(values, value);
}

/** Shows ranges that were counted elsewhere: the library's own way of counting costs more than a message may. */
class ReadHistogram extends Histogram {
  readonly #name: string;
  readonly #help: string;
  readonly #series: readonly HistogramSeries[];

  constructor(
    name: string,
    { help, labels, buckets }: HistogramInstrument,
    series: readonly HistogramSeries[],
  ) {
    super({ name, help, labelNames: labels, buckets: [...buckets], registers: [] });
    this.#name = name;
    this.#help = help;
    this.#series = series;
  }

  override async get(): ReturnType<Histogram["get"]> {
    const [name, help] = [this.#name, this.#help];
    const empty = await new Histogram({ name, help, registers: [] }).get();
    return { ...empty, values: this.#series.flatMap((series) => this.#values(series)) };
  }

  /** What the registry asks for where a metric has it. */
  getForPromString(): ReturnType<Histogram["get"]> {
    return this.get();
  }

  #values({ labels, bounds, counts, sum, count }: HistogramSeries) {
    const name = this.#name;
    let below = 0;
    const buckets = bounds.map((bound, index) => {
      below += counts[index] ?? 0;
      return { metricName: `${name}_bucket`, labels: { ...labels, le: bound }, value: below };
    });
    return [
      ...buckets,
      { metricName: `${name}_bucket`, labels: { ...labels, le: "+Inf" }, value: count },
      { metricName: `${name}_sum`, labels: { ...labels }, value: sum },
      { metricName: `${name}_count`, labels: { ...labels }, value: count },
    ];
  }
}
