import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { counters, gauges, histograms, readCounters } from "./catalogue.ts";
import { expose } from "./exposition.ts";
import { ProcessMeter } from "./meter.ts";

describe("a meter", () => {
  it("gives the same counter for the same labels, in whatever order they stand", () => {
    const meter = new ProcessMeter();
    meter.counter("twinhub_connects_total", { protocol: "mqtt", kind: "module" }).add(2);
    meter.counter("twinhub_connects_total", { kind: "module", protocol: "mqtt" }).add(3);
    meter.counter("twinhub_connects_total", { kind: "device", protocol: "mqtt" }).add(1);
    const series = [...(meter.counterSeries.get("twinhub_connects_total")?.values() ?? [])];
    expect(series.map(({ labels, value }) => [labels, value])).toEqual([
      [{ protocol: "mqtt", kind: "module" }, 5],
      [{ protocol: "mqtt", kind: "device" }, 1],
    ]);
  });

  it("puts every value into the range of the first bound that it does not exceed", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 6_000 })), (values) => {
        const meter = new ProcessMeter();
        const series = meter.histogram("twinhub_commit_operations");
        for (const value of values) series.record(value);
        const { bounds, counts, sum, count } = series;
        expect([...counts]).toEqual(
          [...bounds, Infinity].map(
            (bound, index) =>
              values.filter((value) => value <= bound && value > (bounds[index - 1] ?? -1)).length,
          ),
        );
        expect([sum, count]).toEqual([values.reduce((a, b) => a + b, 0), values.length]);
      }),
    );
  });

  it("shows each metric of the catalogue with its help, and escapes labels", async () => {
    const meter = new ProcessMeter();
    meter.counter("twinhub_refusals_total", { protocol: "https", error: 'a"b\n' }).add(1);
    const { text, contentType } = await expose(meter, [{ name: "twinhub_modules", value: 7 }]);
    expect(contentType).toContain("text/plain; version=0.0.4");
    for (const [name, { help }] of Object.entries({
      ...counters,
      ...histograms,
      ...gauges,
      ...readCounters,
    }))
      expect(text).toContain(`# HELP ${name} ${help}\n`);
    expect(text).toContain('twinhub_refusals_total{protocol="https",error="a\\"b\\n"} 1\n');
    expect(text).toContain("\ntwinhub_modules 7\n");
    expect(text).not.toMatch(/^twinhub_devices /m);
  });

  it("names every metric with its unit, and counters as totals", () => {
    for (const name of [...Object.keys(counters), ...Object.keys(readCounters)])
      expect(name).toMatch(/^twinhub_[a-z_]+_total$/);
    for (const name of [...Object.keys(gauges), ...Object.keys(histograms)])
      expect(name).not.toMatch(/_total$|_ms$|milli/);
  });
});
