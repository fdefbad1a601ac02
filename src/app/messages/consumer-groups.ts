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

/** The hub's own log; others are named by the `queue` of their endpoint. */
export const ownLog = "";

/** A group that is gone, by its id (`consumerGroupId`), with its log. */
export interface DeletedGroup {
  readonly log: string;
  readonly group: string;
}

function collectionOf(log: string): string {
  return log === ownLog ? "consumerGroups" : `consumerGroups/${log}`;
}

/** Gives a new hub its default group; its time is the one since which the hub has had an endpoint for events. */
export async function ensureDefaultConsumerGroup(store: HubStore): Promise<void> {
  await store.transaction(null, (tx) => {
    if (read(tx, ownLog, defaultConsumerGroup) === undefined) addDefaultGroup(tx, ownLog);
  });
}

export function addDefaultGroup(tx: HubTx, log: string): void {
  write(tx, log, { name: defaultConsumerGroup, createdAt: tx.now });
}

/** Removes all groups of a log that is going; gives their ids. */
export function removeGroups(tx: HubTx, log: string): readonly string[] {
  const ids = tx.documents(collectionOf(log)).map(({ id }) => id);
  for (const id of ids) tx.deleteDocument(collectionOf(log), id);
  return ids;
}

/** All groups in the order of their names without regard to case, the default one first. */
export async function listConsumerGroups(
  context: HubContext,
  log: string,
  principal: Principal,
): Promise<readonly ConsumerGroup[]> {
  demand(principal, "ServiceConnect");
  return context.store.transaction(null, (tx) =>
    tx.documents(collectionOf(log)).map(({ value }) => groupOf(value)),
  );
}

/** A group by its name in any case. Refuses with GenericNotFound. */
export async function getConsumerGroup(
  context: HubContext,
  log: string,
  principal: Principal,
  name: string,
): Promise<ConsumerGroup> {
  demand(principal, "ServiceConnect");
  return context.store.transaction(null, (tx) => find(tx, log, name));
}

/** Makes a group, or leaves the one that is there. Refuses with ArgumentInvalid and, above 20, InvalidOperation. */
export async function createConsumerGroup(
  context: HubContext,
  log: string,
  principal: Principal,
  name: string,
): Promise<ConsumerGroup> {
  demandOwner(principal);
  return context.store.transaction(null, (tx) => {
    const stored = read(tx, log, name);
    if (stored !== undefined) return stored;
    // A log always has the default group, so this one is gone.
    find(tx, log, defaultConsumerGroup);
    checkConsumerGroupName(name);
    if (tx.documents(collectionOf(log)).length >= maxConsumerGroups)
      throw new HubError(
        "InvalidOperation",
        `The event log already has ${maxConsumerGroups} consumer groups, its limit`,
      );
    return write(tx, log, { name, createdAt: tx.now });
  });
}

/** Removes a group; its readers are disconnected. Refuses with GenericNotFound, and InvalidOperation for the default. */
export async function deleteConsumerGroup(
  context: HubContext,
  log: string,
  principal: Principal,
  name: string,
): Promise<void> {
  demandOwner(principal);
  await context.store.transaction(null, (tx) => {
    const group = find(tx, log, name);
    if (group.name === defaultConsumerGroup)
      throw new HubError("InvalidOperation", `The consumer group ${defaultConsumerGroup} stays`);
    tx.deleteDocument(collectionOf(log), consumerGroupId(name));
  });
  context.consumerGroupDeleted({ log, group: consumerGroupId(name) });
}

function find(tx: HubTx, log: string, name: string): ConsumerGroup {
  const group = read(tx, log, name);
  if (group !== undefined) return group;
  const shown = name.slice(0, 100).replaceAll(";", " ");
  throw new HubError("GenericNotFound", `There is no consumer group '${shown}'`);
}

function read(tx: HubTx, log: string, name: string): ConsumerGroup | undefined {
  const value = tx.document(collectionOf(log), consumerGroupId(name));
  return value === undefined ? undefined : groupOf(value);
}

function write(tx: HubTx, log: string, group: ConsumerGroup): ConsumerGroup {
  tx.putDocument(collectionOf(log), consumerGroupId(group.name), { ...group });
  return group;
}

function groupOf(value: JsonObject): ConsumerGroup {
  return value as unknown as ConsumerGroup;
}
