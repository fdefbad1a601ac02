import type { EventSource } from "../../../app/hub.ts";
import type { LoggedMessage, PartitionInfo } from "../../../app/ports.ts";
import { HubError } from "../../../domain/errors.ts";
import { type ConsumerGroup, consumerGroupId } from "../../../domain/messages/consumer-group.ts";
import type { Attach, LinkContext, OutboundLink } from "../links/link.ts";
import { Pump } from "../links/pump.ts";
import { type ServiceCaller, withService } from "../links/service-caller.ts";
import { findEntity, notFound, partitionNumber } from "./entity.ts";
import { EventEncoder, type RuntimeMetrics } from "./event-bytes.ts";
import { type StartPosition, startPosition } from "./position.ts";

const runtimeMetrics = "com.microsoft:enable-receiver-runtime-metric";

/** `{entity}/ConsumerGroups/{group}/Partitions/{n}`: the events of one partition (spec/amqp §13.5). */
export async function openPartition(context: LinkContext, attach: Attach): Promise<OutboundLink> {
  const { services } = context;
  const { address } = attach;
  if (address.kind !== "partition") throw notFound(services, attach.addressText);
  const { entity, consumerGroup, partition } = address;
  const path = `/${entity}/ConsumerGroups/${consumerGroup}/Partitions/${partition}`;
  return withService(context, path, async (caller) => {
    const source = await findEntity(services, caller.principal, entity);
    const { events, consumerGroups } = source;
    const groups = await consumerGroups.list(caller.principal);
    const groupId = consumerGroupId(consumerGroup);
    const group = groups.find(({ name }) => consumerGroupId(name) === groupId);
    if (group === undefined) throw notFound(services, groupPath(entity, consumerGroup));
    const partitions = await events.partitions(caller.principal);
    const number = partitionNumber(services, partition, partitions.length);
    const info = partitions[number];
    if (info === undefined) throw notFound(services, path);
    const next = await firstNumber(source, caller, info, startPosition(attach.filter));
    return new PartitionLink(context, { attach, caller, source, group, partition: number, next });
  });
}

function groupPath(entity: string, group: string): string {
  return `${entity}/ConsumerGroups/${group}`;
}

async function firstNumber(
  { events }: EventSource,
  { principal }: ServiceCaller,
  info: PartitionInfo,
  start: StartPosition,
): Promise<number> {
  switch (start.kind) {
    case "latest":
      return info.lastSequenceNumber + 1;
    case "sequence":
      return start.from;
    case "time":
      return events.seek(principal, info.partition, start.time);
  }
}

interface Reading {
  readonly attach: Attach;
  readonly caller: ServiceCaller;
  readonly source: EventSource;
  readonly group: ConsumerGroup;
  readonly partition: number;
  /** The number in the log of the first event to send. */
  readonly next: number;
}

/** Reads the log only as the client gives credit, a page at a time: a reader that is slow holds nothing. */
class PartitionLink implements OutboundLink {
  readonly direction = "outbound";
  readonly #context: LinkContext;
  readonly #reading: Reading;
  readonly #withMetrics: boolean;
  readonly #pump: Pump;
  readonly #encoder = new EventEncoder();
  readonly #forget: readonly (() => void)[];
  #next: number;
  #pageMessages = 1;

  constructor(context: LinkContext, reading: Reading) {
    const { services, port } = context;
    const { attach, source, group, partition } = reading;
    this.#context = context;
    this.#reading = reading;
    this.#next = reading.next;
    this.#withMetrics = attach.desiredCapabilities.includes(runtimeMetrics);
    this.#pump = new Pump(services.log, () => this.#sendPage());
    const place = `${source.id}/${consumerGroupId(group.name)}/${partition}`;
    const leave = services.readers.add(services, place, {
      epoch: epochOf(attach),
      disconnect: (error) => port.detach(error),
    });
    this.#forget = [
      leave,
      source.events.onAppended((appendedTo) => {
        if (appendedTo === partition) this.#pump.wake();
      }),
      source.consumerGroups.onDeleted((id) => {
        if (id !== consumerGroupId(group.name)) return;
        port.detach(notFound(services, groupPath(source.name, group.name)).error);
      }),
    ];
  }

  roomChanged(): void {
    this.#pump.wake();
  }

  /** True if there may be more to send. */
  async #sendPage(): Promise<boolean> {
    const { port } = this.#context;
    const limit = Math.min(port.room, this.#pageMessages);
    if (limit === 0) return false;
    const page = await this.#page(limit);
    if (page.length === 0) return false;
    const metrics = this.#withMetrics ? await this.#metrics() : undefined;
    if (this.#pump.ended) return false;
    this.#encoder.metrics = metrics;
    // What does not fit any more is read again when there is room: nothing waits here.
    const last = page[port.sendEach(page, this.#encoder) - 1];
    if (last !== undefined) this.#next = last.sequenceNumber + 1;
    this.#pageMessages = this.#nextPage(page);
    return true;
  }

  async #page(limit: number): Promise<readonly LoggedMessage[]> {
    const { services, port } = this.#context;
    const { caller, source, partition } = this.#reading;
    try {
      return await source.events.read(caller.principal, partition, this.#next, limit);
    } catch (error) {
      // The endpoint was deleted a moment ago.
      if (!(error instanceof HubError && error.name === "GenericNotFound")) throw error;
      if (!this.#pump.ended) port.detach(notFound(services, source.name).error);
      return [];
    }
  }

  /** As many as were about `pageBytes`, going by the last page, and at most twice as many as that had. */
  #nextPage(page: readonly LoggedMessage[]): number {
    const { pageBytes, pageMessages } = this.#context.services.limits;
    const bytes = page.reduce((sum, { message }) => sum + message.body.length, 0);
    const fits = Math.floor((pageBytes * page.length) / Math.max(bytes, 1));
    return Math.max(1, Math.min(2 * this.#pageMessages, pageMessages, fits));
  }

  async #metrics(): Promise<RuntimeMetrics | undefined> {
    const { services } = this.#context;
    const { caller, source, partition: number } = this.#reading;
    const partition = (await source.events.partitions(caller.principal))[number];
    return partition === undefined ? undefined : { partition, now: services.clock.now() };
  }

  ended(): void {
    this.#pump.end();
    for (const forget of this.#forget) forget();
    this.#reading.caller.leave();
  }
}

/** The owner level; anything but a number counts as none. */
function epochOf({ properties }: Attach): number | null {
  const epoch = properties.get("com.microsoft:epoch");
  return typeof epoch === "number" || typeof epoch === "bigint" ? Number(epoch) : null;
}
