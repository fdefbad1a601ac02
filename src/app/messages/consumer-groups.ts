import { HubError } from "../../domain/errors.ts";
import type { JsonObject } from "../../domain/json.ts";
import {
  type ConsumerGroup,
  checkConsumerGroupName,
  consumerGroupId,
  defaultConsumerGroup,
  maxConsumerGroups,
} from "../../domain/messages/consumer-group.ts";
import type { HubContext } from "../context.ts";
import type { HubStore, HubTx } from "../ports.ts";
import { demandOwner } from "../policies/policies.ts";
import { type Principal, demand } from "../principal.ts";

const collection = "consumerGroups";

/** Gives a new hub its default group; its time is the one since which the hub has had an endpoint for events. */
export async function ensureDefaultConsumerGroup(store: HubStore): Promise<void> {
  await store.transaction(null, (tx) => {
    if (read(tx, defaultConsumerGroup) !== undefined) return;
    write(tx, { name: defaultConsumerGroup, createdAt: tx.now });
  });
}

/** All groups in the order of their names without regard to case, the default one first. */
export async function listConsumerGroups(
  context: HubContext,
  principal: Principal,
): Promise<readonly ConsumerGroup[]> {
  demand(principal, "ServiceConnect");
  return context.store.transaction(null, (tx) =>
    tx.documents(collection).map(({ value }) => groupOf(value)),
  );
}

/** A group by its name in any case. Refuses with GenericNotFound. */
export async function getConsumerGroup(
  context: HubContext,
  principal: Principal,
  name: string,
): Promise<ConsumerGroup> {
  demand(principal, "ServiceConnect");
  return context.store.transaction(null, (tx) => find(tx, name));
}

/** Makes a group, or leaves the one that is there. Refuses with ArgumentInvalid and, above 20, InvalidOperation. */
export async function createConsumerGroup(
  context: HubContext,
  principal: Principal,
  name: string,
): Promise<ConsumerGroup> {
  demandOwner(principal);
  return context.store.transaction(null, (tx) => {
    const stored = read(tx, name);
    if (stored !== undefined) return stored;
    checkConsumerGroupName(name);
    if (tx.documents(collection).length >= maxConsumerGroups)
      throw new HubError(
        "InvalidOperation",
        `The hub already has ${maxConsumerGroups} consumer groups, its limit`,
      );
    return write(tx, { name, createdAt: tx.now });
  });
}

/** Removes a group; its readers are disconnected. Refuses with GenericNotFound, and InvalidOperation for the default. */
export async function deleteConsumerGroup(
  context: HubContext,
  principal: Principal,
  name: string,
): Promise<void> {
  demandOwner(principal);
  await context.store.transaction(null, (tx) => {
    const group = find(tx, name);
    if (group.name === defaultConsumerGroup)
      throw new HubError("InvalidOperation", `The consumer group ${defaultConsumerGroup} stays`);
    tx.deleteDocument(collection, consumerGroupId(name));
  });
  context.consumerGroupDeleted(consumerGroupId(name));
}

function find(tx: HubTx, name: string): ConsumerGroup {
  const group = read(tx, name);
  if (group !== undefined) return group;
  const shown = name.slice(0, 100).replaceAll(";", " ");
  throw new HubError("GenericNotFound", `There is no consumer group '${shown}'`);
}

function read(tx: HubTx, name: string): ConsumerGroup | undefined {
  const value = tx.document(collection, consumerGroupId(name));
  return value === undefined ? undefined : groupOf(value);
}

function write(tx: HubTx, group: ConsumerGroup): ConsumerGroup {
  tx.putDocument(collection, consumerGroupId(group.name), { ...group });
  return group;
}

function groupOf(value: JsonObject): ConsumerGroup {
  return value as unknown as ConsumerGroup;
}
