import { maxReadersPerPartition } from "../../../domain/messages/consumer-group.ts";
import { errorNumbers } from "../../../domain/errors.ts";
import { type AmqpError, AmqpRefusal, type Condition, describe } from "../errors.ts";
import type { Services } from "../services.ts";

/** A receiver at one partition in one consumer group. */
export interface Reader {
  /** The owner level; `null` for a receiver that shares. */
  readonly epoch: number | null;
  /** Another one has taken the partition over. */
  disconnect(error: AmqpError): void;
}

/** Who reads where: owner levels and the number of readers that share (spec/amqp §13.5). */
export class PartitionReaders {
  readonly #byPlace = new Map<string, Set<Reader>>();

  /**
   * Adds a reader at a partition in a group of a log, and disconnects those with no level or not a higher one. Refuses with amqp:link:stolen where a
   * higher level reads, and with amqp:resource-limit-exceeded above five that share. The returned function takes it away.
   */
  add(services: Services, place: string, reader: Reader): () => void {
    const others = this.#byPlace.get(place) ?? new Set();
    this.#admit(services, others, reader);
    this.#byPlace.set(place, others.add(reader));
    return () => {
      others.delete(reader);
      if (others.size === 0 && this.#byPlace.get(place) === others) this.#byPlace.delete(place);
    };
  }

  #admit(services: Services, others: ReadonlySet<Reader>, { epoch }: Reader): void {
    const levels = [...others].flatMap((other) => (other.epoch === null ? [] : [other.epoch]));
    const highest = levels.length === 0 ? null : Math.max(...levels);
    if (highest !== null && (epoch === null || epoch < highest))
      throw refusal(
        services,
        "amqp:link:stolen",
        `A receiver with the epoch '${highest}' reads the partition, which this one with ${shown(epoch)} cannot take over`,
      );
    if (epoch === null) {
      if (others.size < maxReadersPerPartition) return;
      throw refusal(
        services,
        "amqp:resource-limit-exceeded",
        `Exceeded the maximum number of allowed receivers per partition in a consumer group which is ${maxReadersPerPartition}`,
      );
    }
    for (const other of others)
      other.disconnect(
        describe(
          services,
          "amqp:link:stolen",
          errorNumbers.ConnectionForcefullyClosedOnNewConnection,
          `New receiver with higher epoch of '${epoch}' is created hence current receiver with ${shown(other.epoch)} is getting disconnected.`,
        ),
      );
  }
}

function shown(epoch: number | null): string {
  return epoch === null ? "no epoch" : `epoch '${epoch}'`;
}

function refusal(services: Services, condition: Condition, text: string): AmqpRefusal {
  return new AmqpRefusal(
    describe(services, condition, errorNumbers.ConnectionForcefullyClosedOnNewConnection, text),
  );
}
