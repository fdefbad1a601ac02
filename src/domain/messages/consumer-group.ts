import { argumentInvalid } from "../errors.ts";
import type { Milliseconds } from "../time.ts";

/** The group that always exists. */
export const defaultConsumerGroup = "$Default";
/** Consumer groups of one hub, the default one included (spec/semantics §10). */
export const maxConsumerGroups = 20;
/** Receivers at one partition in one consumer group, where none has an owner level (spec/amqp §13.5). */
export const maxReadersPerPartition = 5;

/**
 * A name under which readers share nothing but an address: the hub keeps no position for it, the readers do
 * (spec/amqp §13.1).
 */
export interface ConsumerGroup {
  /** As it was given when it was made; compares without regard to case. */
  readonly name: string;
  readonly createdAt: Milliseconds;
}

const namePattern = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,48}[A-Za-z0-9])?$/;

/** What a group is found by. */
export function consumerGroupId(name: string): string {
  return name.toLowerCase();
}

/** Refuses names that Event Hubs does not allow for a group that somebody makes. */
export function checkConsumerGroupName(name: string): void {
  if (namePattern.test(name)) return;
  throw argumentInvalid(
    "The name of a consumer group must be 1 to 50 letters, digits and . - _ and begin and end with a letter or digit",
  );
}
