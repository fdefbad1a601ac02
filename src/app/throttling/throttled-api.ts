import type { Json } from "../../domain/json.ts";
import { messageSize } from "../../domain/messages/size.ts";
import type { HubApi } from "../hub.ts";
import type { Throttles } from "./throttles.ts";

/**
 * The use cases behind the throttles of the cloud (spec/semantics §15): what each operation counts as stands here and
 * nowhere else. Heads and their errors know nothing of it; without throttles the hub does not have this layer.
 */
export function throttledApi(api: HubApi, throttles: Throttles): HubApi {
  const { identities, twins, connections, telemetry, cloudToDevice, files, methods } = api;
  const { queries, jobs, transfers, configurations } = api;
  const registry = <T>(work: () => Promise<T>, cost = 1) => throttles.admit("registry", cost, work);
  const job = <T>(work: () => Promise<T>) => throttles.admit("jobs", 1, work);
  const configuration = <T>(work: () => Promise<T>) => throttles.admit("configurations", 1, work);
  const read = <T>(work: () => Promise<T>, size: (answer: T) => number) =>
    throttles.admitMessage("twinReads", () => 0, work, size);
  const update = <T>(body: Json, work: () => Promise<T>) =>
    throttles.admitMessage("twinUpdates", () => jsonSize(body), work);
  return {
    ...api,
    identities: {
      ...identities,
      get: (...args) => registry(() => identities.get(...args)),
      putDevice: (...args) => registry(() => identities.putDevice(...args)),
      putModule: (...args) => registry(() => identities.putModule(...args)),
      delete: (...args) => registry(() => identities.delete(...args)),
      listDevices: (...args) => registry(() => identities.listDevices(...args)),
      listModules: (...args) => registry(() => identities.listModules(...args)),
      bulk: (...args) => registry(() => identities.bulk(...args), Math.max(1, args[1].length)),
      regenerateKeys: (...args) =>
        registry(() => identities.regenerateKeys(...args), Math.max(1, args[2].length)),
      statistics: (...args) => registry(() => identities.statistics(...args)),
    },
    twins: {
      get: (...args) =>
        read(
          () => twins.get(...args),
          ({ text }) => Buffer.byteLength(text),
        ),
      ownTwin: (...args) =>
        read(
          () => twins.ownTwin(...args),
          (text) => Buffer.byteLength(text),
        ),
      patch: (...args) => update(args[2], () => twins.patch(...args)),
      replace: (...args) => update(args[2], () => twins.replace(...args)),
      updateReported: (...args) => update(args[1], () => twins.updateReported(...args)),
    },
    connections: {
      ...connections,
      open: (...args) => throttles.admit("connects", 1, () => connections.open(...args)),
    },
    telemetry: {
      send: (...args) =>
        throttles.admitMessage(
          "telemetry",
          () => messageSize(args[1]),
          () => telemetry.send(...args),
        ),
    },
    cloudToDevice: {
      ...cloudToDevice,
      send: (...args) =>
        throttles.admitMessage(
          "c2dSends",
          () => args[2].body.byteLength,
          () => cloudToDevice.send(...args),
        ),
      // Without a connection that holds the messages it is a call over HTTPS, which alone is limited.
      receive: (...args) =>
        args[2] === undefined
          ? throttles.admit("c2dReceives", 1, () => cloudToDevice.receive(...args))
          : cloudToDevice.receive(...args),
    },
    files: {
      ...files,
      start: (...args) => throttles.admit("fileUploads", 1, () => files.start(...args)),
    },
    methods: {
      invoke: (...args) =>
        throttles.admitMessage(
          "methods",
          () => jsonSize(args[2]["payload"] ?? null),
          () => methods.invoke(...args),
          ({ payload }) => jsonSize(payload),
        ),
    },
    queries: {
      run: (...args) => throttles.admit("queries", 1, () => queries.run(...args)),
      live: (...args) => throttles.admit("queries", 1, () => queries.live(...args)),
    },
    jobs: {
      create: (...args) => job(() => jobs.create(...args)),
      get: (...args) => job(() => jobs.get(...args)),
      cancel: (...args) => job(() => jobs.cancel(...args)),
      list: (...args) => job(() => jobs.list(...args)),
    },
    transfers: {
      create: (...args) => job(() => transfers.create(...args)),
      list: (...args) => job(() => transfers.list(...args)),
      get: (...args) => job(() => transfers.get(...args)),
      cancel: (...args) => job(() => transfers.cancel(...args)),
    },
    configurations: {
      list: (...args) => configuration(() => configurations.list(...args)),
      get: (...args) => configuration(() => configurations.get(...args)),
      put: (...args) => configuration(() => configurations.put(...args)),
      delete: (...args) => configuration(() => configurations.delete(...args)),
      testQueries: (...args) => configuration(() => configurations.testQueries(...args)),
      applyContent: (...args) => configuration(() => configurations.applyContent(...args)),
    },
  };
}

function jsonSize(value: Json): number {
  return Buffer.byteLength(JSON.stringify(value));
}
