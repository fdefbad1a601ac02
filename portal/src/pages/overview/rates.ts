import { useEffect, useState } from "react";
import { createStore, useStore } from "../../lib/store.ts";
import type { Overview } from "../../api/hub.ts";

/** One reading of the hub's counters. */
export interface Reading {
  /** Seconds since 1970, by the hub's clock. */
  readonly time: number;
  readonly messages: number;
  readonly changes: number | null;
}

/** Points that the plots show: five minutes of readings every two seconds. */
const kept = 150;

/** Lives as long as the portal is open, so that the plots are there when one comes back to the page. */
const readings = createStore<readonly Reading[]>([]);

export interface Rates {
  readonly times: readonly number[];
  /** Per second. */
  readonly messages: readonly (number | null)[];
  readonly changes: readonly (number | null)[];
}

/** Rates from the differences of the hub's own counters: exact however much it takes in. */
export function useRates(overview: Overview | undefined, changes: number | null): Rates {
  const list = useStore(readings);
  const [rates, setRates] = useState<Rates>(ratesOf([]));
  useEffect(() => {
    if (overview === undefined) return;
    const reading = readingOf(overview, changes);
    const before = readings.get();
    if (reading.time <= (before.at(-1)?.time ?? 0)) return;
    readings.set([...before, reading].slice(-kept));
  }, [overview, changes]);
  useEffect(() => setRates(ratesOf(list)), [list]);
  return rates;
}

function readingOf({ time, partitions }: Overview, changes: number | null): Reading {
  const messages = partitions.reduce((sum, { lastSequenceNumber }) => sum + lastSequenceNumber, 0);
  return { time: Date.parse(time) / 1000, messages, changes };
}

/** A counter that has gone back belongs to a hub that was started anew: no rate there. */
export function ratesOf(list: readonly Reading[]): Rates {
  const times: number[] = [];
  const messages: (number | null)[] = [];
  const changes: (number | null)[] = [];
  for (const [index, reading] of list.entries()) {
    const before = list[index - 1];
    if (before === undefined) continue;
    const seconds = reading.time - before.time;
    times.push(reading.time);
    messages.push(rate(reading.messages, before.messages, seconds));
    changes.push(rate(reading.changes, before.changes, seconds));
  }
  return { times, messages, changes };
}

function rate(now: number | null, before: number | null, seconds: number): number | null {
  if (now === null || before === null || now < before || seconds <= 0) return null;
  return Math.round(((now - before) / seconds) * 10) / 10;
}
