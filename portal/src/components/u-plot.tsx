import { useEffect, useRef } from "react";
import Plot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useTheme } from "../lib/use-theme.ts";

export interface Series {
  readonly name: string;
  /** A CSS variable of the theme. */
  readonly colour: string;
  readonly values: readonly (number | null)[];
}

export interface LinePlotProps {
  /** What the plot shows, for those who can't see it. */
  readonly label: string;
  /** Seconds since 1970, rising. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
  readonly height?: number;
}

/** What the plot spans, in seconds: it grows with its data. */
const shortestWindow = 60;
const longestWindow = 300;

/** Values over time; it follows its container's width and the theme. */
export function LinePlot({ label, times, series, height = 200 }: LinePlotProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | undefined>(undefined);
  const { name: theme } = useTheme();
  const names = series.map(({ name }) => name).join("\n");
  const latest = useRef({ times, series });
  latest.current = { times, series };

  useEffect(() => {
    const element = host.current;
    if (element === null) return undefined;
    const made = new Plot(
      options(element, latest.current.series, height),
      dataOf(latest.current),
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [names, height, theme]);

  useEffect(() => {
    plot.current?.setData(dataOf({ times, series }));
  }, [times, series]);

  const newest = series.map(({ name, values }) => `${name} ${values.at(-1) ?? 0}`).join(", ");
  return (
    <div
      className="plot"
      ref={host}
      role="img"
      aria-label={`${label}: ${newest}`}
      style={{ height }}
    />
  );
}

function dataOf({
  times,
  series,
}: {
  times: readonly number[];
  series: readonly Series[];
}): Plot.AlignedData {
  return [[...times], ...series.map(({ values }) => [...values])];
}

function options(element: HTMLElement, series: readonly Series[], height: number): Plot.Options {
  const styles = getComputedStyle(element);
  const colour = (name: string): string => styles.getPropertyValue(name).trim() || "#888";
  const axis = {
    stroke: colour("--colorNeutralForeground3"),
    grid: { stroke: colour("--colorNeutralStroke3"), width: 1 },
    ticks: { show: false },
    font: "11px sans-serif",
  };
  return {
    width: element.clientWidth || 300,
    height,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    scales: {
      // One point has no range of its own: the window's length is fixed.
      x: {
        range: (_plot, min, max) => {
          const end = max ?? Date.now() / 1000;
          const length = Math.min(longestWindow, Math.max(shortestWindow, end - (min ?? end)));
          return [end - length, end];
        },
      },
      y: { range: (_plot, _min, max) => [0, Math.max(1, (max ?? 0) * 1.15)] },
    },
    axes: [
      { ...axis, size: 30, values: (_plot, ticks) => ticks.map(timeText) },
      { ...axis, size: 46 },
    ],
    series: [
      {},
      ...series.map((one) => ({
        label: one.name,
        stroke: colour(one.colour),
        width: 2,
        fill: `color-mix(in srgb, ${colour(one.colour)} 14%, transparent)`,
        points: { show: false },
      })),
    ],
  };
}

function timeText(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString("en-GB");
}
