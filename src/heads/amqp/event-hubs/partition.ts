import type { LoggedMessage, PartitionInfo } from "../../../app/ports.ts";
import { type ConsumerGroup, consumerGroupId } from "../../../domain/messages/consumer-group.ts";
import type { Attach, LinkContext, OutboundLink } from "../links/link.ts";
import { Pump } from "../links/pump.ts";
import { type ServiceCaller, withService } from "../links/service-caller.ts";
import { checkEntity, notFound, partitionNumber } from "./entity.ts";
import { type RuntimeMetrics, encodeEvent } from "./event-bytes.ts";
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
    const { events, consumerGroups } = services.hub;
    checkEntity(services, entity);
    const groups = await consumerGroups.list(caller.principal);
    const groupId = consumerGroupId(consumerGroup);
    const group = groups.find(({ name }) => consumerGroupId(name) === groupId);
    if (group === undefined) throw notFound(services, groupPath(entity, consumerGroup));
    const partitions = await events.partitions(caller.principal);
    const number = partitionNumber(services, partition, partitions.length);
    const info = partitions[number];
    if (info === undefined) throw notFound(services, path);
    const next = await firstNumber(context, caller, info, startPosition(attach.filter));
    return new PartitionLink(context, { attach, caller, group, partition: number, next });
  });
}

function groupPath(entity: string, group: string): string {
  return `${entity}/ConsumerGroups/${group}`;
}

async function firstNumber(
  { services }: LinkContext,
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
      return services.hub.events.seek(principal, info.partition, start.time);
  }
}

interface Reading {
  readonly attach: Attach;
  readonly caller: ServiceCaller;
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
  readonly #forget: readonly (() => void)[];
  #next: number;
  #pageMessages = 1;

  constructor(context: LinkContext, reading: Reading) {
    const { services, port } = context;
    const { hub } = services;
    const { attach, group, partition } = reading;
    this.#context = context;
    this.#reading = reading;
    this.#next = reading.next;
    this.#withMetrics = attach.desiredCapabilities.includes(runtimeMetrics);
    this.#pump = new Pump(services.log, () => this.#sendPage());
    const leave = services.readers.add(services, consumerGroupId(group.name), partition, {
      epoch: epochOf(attach),
      disconnect: (error) => port.detach(error),
    });
    this.#forget = [
      leave,
      hub.events.onAppended((appendedTo) => {
        if (appendedTo === partition) this.#pump.wake();
      }),
      hub.consumerGroups.onDeleted((id) => {
        if (id !== consumerGroupId(group.name)) return;
        port.detach(notFound(services, groupPath(hub.hubName, group.name)).error);
      }),
    ];
  }

  roomChanged(): void {
    this.#pump.wake();
  }

  /** True if there may be more to send. */
  async #sendPage(): Promise<boolean> {
    const { services, port } = this.#context;
    const { caller, partition } = this.#reading;
    const limit = Math.min(port.room, this.#pageMessages);
    if (limit === 0) return false;
    const { events } = services.hub;
    const page = await events.read(caller.principal, partition, this.#next, limit);
    if (page.length === 0) return false;
    const metrics = this.#withMetrics ? await this.#metrics() : undefined;
    // What does not fit any more is read again when there is room: nothing waits here.
    for (const logged of page) {
      if (this.#pump.ended || port.room === 0) break;
      port.sendBytes(encodeEvent(logged, metrics));
      this.#next = logged.sequenceNumber + 1;
    }
    this.#pageMessages = this.#nextPage(page);
    return true;
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
    const { caller, partition: number } = this.#reading;
    const partition = (await services.hub.events.partitions(caller.principal))[number];
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
