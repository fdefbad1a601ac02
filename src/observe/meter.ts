import { type HistogramInstrument, type Instrument, counters, histograms } from "./catalogue.ts";

/** Combinations of labels that one meter keeps at most: all labels have small closed sets, so this is never met. */
export const maxSeries = 20_000;

type Labels = Readonly<Record<string, string>>;

/** A number that rises. */
export class CounterSeries {
  readonly labels: Labels;
  value = 0;

  constructor(labels: Labels) {
    this.labels = labels;
  }

  add(by: number): void {
    this.value += by;
  }
}

/** How many values fell into each range: plain numbers, no objects per value. */
export class HistogramSeries {
  readonly labels: Labels;
  readonly bounds: readonly number[];
  /** One for each bound, and one for what lies above all. Not cumulative. */
  readonly counts: Float64Array;
  sum = 0;
  count = 0;

  constructor(labels: Labels, bounds: readonly number[]) {
    this.labels = labels;
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  record(value: number): void {
    const { bounds, counts } = this;
    let index = 0;
    while (index < bounds.length && value > (bounds[index] ?? Infinity)) index++;
    counts[index] = (counts[index] ?? 0) + 1;
    this.sum += value;
    this.count++;
  }
}

/** Keeps what the hub counts, until somebody asks. */
export class ProcessMeter {
  readonly counterSeries = new Map<string, Map<string, CounterSeries>>();
  readonly histogramSeries = new Map<string, Map<string, HistogramSeries>>();
  #size = 0;

  /** For labels that were not given the label is empty. */
  readonly counter = (name: keyof typeof counters, labels: Labels = {}): CounterSeries =>
    this.#find(this.counterSeries, name, counters[name], labels, (own) => new CounterSeries(own));

  readonly histogram = (name: keyof typeof histograms, labels: Labels = {}): HistogramSeries => {
    const instrument: HistogramInstrument = histograms[name];
    const create = (own: Labels) => new HistogramSeries(own, instrument.buckets);
    return this.#find(this.histogramSeries, name, instrument, labels, create);
  };

  readonly seconds = (): number => performance.now() / 1000;

  #find<T>(
    all: Map<string, Map<string, T>>,
    name: string,
    instrument: Instrument,
    labels: Labels,
    create: (labels: Labels) => T,
  ): T {
    const values = instrument.labels.map((label) => labels[label] ?? "");
    const id = values.join("\n");
    let series = all.get(name);
    if (series === undefined) all.set(name, (series = new Map()));
    const known = series.get(id);
    if (known !== undefined) return known;
    const own = instrument.labels.map((label, index) => [label, values[index] ?? ""] as const);
    const made = create(Object.fromEntries(own));
    // Counted, but not shown: better than growing without end.
    if (this.#size >= maxSeries) return made;
    this.#size++;
    series.set(id, made);
    return made;
  }
}
