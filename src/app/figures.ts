import { kindOf } from "../domain/identity/key.ts";
import type { HubContext } from "./context.ts";
import type { JobRunner } from "./jobs/job-runner.ts";
import { c2dPrefix } from "./messages/device-queue.ts";
import type { ThrottleFigure, Throttles } from "./throttling/throttles.ts";
import type { RegistryCounts, StoreFigures } from "./ports.ts";

/** What there is to see of a hub at one moment. */
export interface HubFigures {
  readonly registry: RegistryCounts;
  readonly connections: readonly ConnectionFigure[];
  readonly store: StoreFigures;
  /** Messages that wait for devices, in at most `maxQueuesRead` queues. */
  readonly cloudToDevice: { readonly queues: number; readonly messages: number };
  readonly queries: { readonly running: number; readonly waiting: number };
  readonly jobs: { readonly running: number; readonly waiting: number };
  readonly throttles: readonly ThrottleFigure[];
  /** Messages that wait for webhooks, about. */
  readonly routeQueue: number;
}

export interface ConnectionFigure {
  readonly protocol: string;
  readonly kind: "device" | "module";
  readonly count: number;
}

/** Queues of messages to devices that are looked at: bounds what one look costs. */
export const maxQueuesRead = 1_000;

const protocols = ["mqtt", "mqtt-ws", "amqp", "amqp-ws"] as const;
const kinds = ["device", "module"] as const;

/** Takes a look; rejects if the store does not answer. */
export async function readFigures(
  context: HubContext,
  jobs: JobRunner,
  throttles: Throttles | undefined,
): Promise<HubFigures> {
  const { store, querySlots, router } = context;
  const names = await store.queueNames(c2dPrefix, null, maxQueuesRead);
  const { registry, messages } = await store.transaction(null, (tx) => ({
    registry: tx.counts(),
    messages: names.reduce((sum, name) => sum + tx.queueLength(name), 0),
  }));
  return {
    registry,
    connections: countConnections(context),
    store: store.figures(),
    cloudToDevice: { queues: names.length, messages },
    queries: { running: querySlots.running, waiting: querySlots.waiting },
    jobs: { running: jobs.running, waiting: jobs.waiting },
    throttles: throttles?.figures ?? [],
    routeQueue: router.waiting,
  };
}

/** By protocol and kind, with zeros, so that a graph has no gaps. */
function countConnections({ live }: HubContext): ConnectionFigure[] {
  const counts = new Map<string, number>();
  for (const { link, principal } of live.all()) {
    const id = `${link.protocol} ${kindOf(principal.key)}`;
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return protocols.flatMap((protocol) =>
    kinds.map((kind) => ({ protocol, kind, count: counts.get(`${protocol} ${kind}`) ?? 0 })),
  );
}
