import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { completed } from "../../app/completion.ts";
import type { CommittedEvent, HubStore, HubTx } from "../../app/ports.ts";
import { HubError } from "../../domain/errors.ts";
import type { HubEvent } from "../../domain/events/hub-event.ts";
import { type IdentityKey, keyText } from "../../domain/identity/key.ts";
import type { Policy } from "../../domain/identity/policy.ts";
import type { JsonObject } from "../../domain/json.ts";
import { never } from "../../domain/time.ts";
import { withReport } from "../../domain/twin/apply-reported.ts";
import { newTwin, type Twin } from "../../domain/twin/twin.ts";
import { Model, workArbitrary } from "./model.ts";
import { device, fullTwin, message, module, reported, text } from "./samples.ts";

/** A store under test. */
export interface OpenedStore {
  readonly store: HubStore;
  /** Closes the store and opens it again; absent for stores that forget. */
  readonly reopen?: () => Promise<HubStore>;
  /** Opens a copy of what is on the disk now, as a crash would leave it; absent likewise. */
  readonly afterCrash?: () => Promise<HubStore>;
}

/** The clock of the stores under test always says this. */
export const suiteTime = 1_750_000_000_000;

const both: readonly IdentityKey[] = [{ deviceId: "d1" }, { deviceId: "d1", moduleId: "m1" }];

function identityAt(key: IdentityKey) {
  return key.moduleId === undefined ? device(key.deviceId) : module(key.deviceId, key.moduleId);
}

function created(deviceId: string, n: number): HubEvent {
  return { type: "identityCreated", key: { deviceId }, at: n, generationId: String(n) };
}

function policy(name: string): Policy {
  return { name, rights: ["ServiceConnect"], primaryKey: "cA==", secondaryKey: "cw==" };
}

async function allEvents(store: HubStore): Promise<readonly CommittedEvent[]> {
  return store.events(0, 100_000);
}

/** What every store promises (app/ports.ts). */
export function describeStore(name: string, open: () => Promise<OpenedStore>): void {
  describe(`${name} store`, () => {
    let opened: OpenedStore;
    let store: HubStore;

    beforeEach(async () => {
      opened = await open();
      store = opened.store;
    });

    afterEach(async () => {
      await store.close();
    });

    /** Closes and opens again where the store remembers. */
    async function reopened(): Promise<HubStore> {
      if (opened.reopen !== undefined) store = await opened.reopen();
      return store;
    }

    function read<T>(work: Parameters<typeof store.transaction<T>>[1]): Promise<T> {
      return store.transaction(null, work);
    }

    async function create(...keys: IdentityKey[]): Promise<void> {
      await Promise.all(
        keys.map((key) =>
          store.transaction(key, (tx) => {
            tx.putIdentity(identityAt(key));
            tx.putTwin(key, newTwin(tx.now));
          }),
        ),
      );
    }

    describe.each(
      both.map((key) => ({ key, what: key.moduleId === undefined ? "device" : "module" })),
    )("records of a $what", ({ key }) => {
      it("gives back identity, twin, presence and session as they were put, also after opening again", async () => {
        const identity = identityAt(key);
        const twin = fullTwin();
        const presence = {
          connected: false,
          stateUpdatedTime: 3,
          lastActivityTime: 4,
          connection: "c1",
          protocol: "mqtt",
          reason: "networkLost",
        };
        const session = { subscriptions: [{ filter: "$iothub/twin/res/#", qos: 0 as const }] };
        await store.transaction(key, (tx) => {
          tx.putIdentity(identity);
          tx.putTwin(key, twin);
          tx.putPresence(key, presence);
          tx.putSession(key, session);
        });
        const found = () =>
          read((tx) => [tx.identity(key), tx.twin(key), tx.presence(key), tx.session(key)]);
        expect(await found()).toEqual([identity, twin, presence, session]);
        await reopened();
        expect(await found()).toEqual([identity, twin, presence, session]);
      });

      it("finds presence and session as they are now, however often they were asked for before", async () => {
        await create(key);
        const presence = { connected: true, stateUpdatedTime: 1, lastActivityTime: 2 };
        const later = { connected: false, stateUpdatedTime: 3, lastActivityTime: 4 };
        const session = { subscriptions: [{ filter: "$iothub/methods/POST/#", qos: 1 as const }] };
        const found = () => read((tx) => [tx.presence(key), tx.session(key)]);
        const twice = async () => [await found(), await found()];
        const write = (what: Parameters<typeof store.transaction<void>>[1]) =>
          store.transaction(key, what);
        expect(await twice()).toEqual([
          [undefined, undefined],
          [undefined, undefined],
        ]);
        await write((tx) => {
          tx.putPresence(key, presence);
          tx.putSession(key, session);
        });
        expect(await twice()).toEqual([
          [presence, session],
          [presence, session],
        ]);
        await write((tx) => {
          tx.putPresence(key, later);
          tx.deleteSession(key);
        });
        expect(await twice()).toEqual([
          [later, undefined],
          [later, undefined],
        ]);
        await write((tx) => tx.deletePresence(key));
        expect(await found()).toEqual([undefined, undefined]);
        await reopened();
        expect(await found()).toEqual([undefined, undefined]);
      });

      it("no longer has what was deleted", async () => {
        await create(key);
        await store.transaction(key, (tx) => {
          tx.putPresence(key, { connected: true, stateUpdatedTime: 1, lastActivityTime: 1 });
          tx.putSession(key, { subscriptions: [] });
        });
        await store.transaction(key, (tx) => {
          tx.deleteIdentity(key);
          tx.deleteTwin(key);
          tx.deletePresence(key);
          tx.deleteSession(key);
          expect(tx.identity(key)).toBeUndefined();
        });
        const found = () =>
          read((tx) => [tx.identity(key), tx.twin(key), tx.presence(key), tx.session(key)]);
        expect(await found()).toEqual([undefined, undefined, undefined, undefined]);
        await reopened();
        expect(await found()).toEqual([undefined, undefined, undefined, undefined]);
      });

      it("lets a work see its own writes and those of works queued before it", async () => {
        const seen: unknown[] = [];
        const first = store.transaction(key, (tx) => {
          tx.putTwin(key, newTwin(tx.now));
          seen.push(tx.twin(key)?.version);
        });
        const second = store.transaction(key, (tx) => {
          const twin = tx.twin(key);
          if (twin === undefined) throw new Error("the twin is missing");
          tx.putTwin(key, reported(twin, { a: 1 }));
          seen.push(tx.twin(key)?.version);
        });
        await Promise.all([first, second]);
        expect(seen).toEqual([2, 3]);
      });

      it.each([
        ["a device", { deviceId: "d1" }],
        ["a module", { deviceId: "d1", moduleId: "m1" }],
      ])("keeps what %s reports, beside and between other writes", async (_, at) => {
        const write = (work: (tx: HubTx, twin: Twin) => void): Promise<void> =>
          store.transaction(at, (tx) => work(tx, tx.twin(at) ?? newTwin(1)));
        const report = (change: JsonObject): Promise<void> =>
          write((tx, twin) => {
            const told = { change, at: 5 };
            tx.putReport(at, withReport(twin, told), told);
          });
        await create(at);
        await Promise.all([report({ a: 1, gone: 1 }), report({ b: { c: 2 }, gone: null })]);
        await Promise.all([
          report({ b: { d: 3 } }),
          write((tx, twin) => tx.putTwin(at, reported(twin, { e: 4 }))),
          report({ f: 5 }),
        ]);
        await expect(
          store.transaction(at, (tx) => {
            tx.putReport(at, newTwin(9), { change: {}, at: 9 });
            throw new Error("asked for");
          }),
        ).rejects.toThrow("asked for");
        await reopened();
        const twin = await store.transaction(at, (tx) => tx.twin(at));
        expect(twin?.version).toBe(7);
        expect(twin?.reported).toEqual({
          value: { a: 1, b: { c: 2, d: 3 }, e: 4, f: 5 },
          metadata: {
            t: 5,
            k: { a: { t: 5 }, b: { t: 5, k: { c: { t: 5 }, d: { t: 5 } } }, f: { t: 5 } },
          },
          version: 6,
        });
      });

      it("runs works in the order in which they were asked for", async () => {
        await create(key);
        const versions = await Promise.all(
          Array.from({ length: 200 }, (_, n) =>
            store.transaction(key, (tx) => {
              const twin = tx.twin(key);
              if (twin === undefined) throw new Error("the twin is missing");
              tx.putTwin(key, reported(twin, { n }));
              return twin.reported.version + 1;
            }),
          ),
        );
        expect(versions).toEqual(Array.from({ length: 200 }, (_, n) => n + 2));
        expect(await read((tx) => tx.twin(key)?.reported.value)).toEqual({ n: 199 });
      });

      it("keeps any text and any key intact", async () => {
        const value = JSON.parse(
          '{"__proto__":{"polluted":true},"constructor":1,"10":"ten","9":"nine","a.b":{"$c":[]},' +
            '"emoji":"😀","nul":"\\u0000","quote":"\\"\\\\","lone":"\\ud800","line":"\\u2028","":0,' +
            '"big":1.7976931348623157e308,"small":5e-324,"max":9007199254740991,"nested":{"__proto__":null}}',
        ) as JsonObject;
        const twin = reported({ ...newTwin(1), tags: value }, value);
        await store.transaction(key, (tx) => {
          tx.putIdentity(identityAt(key));
          tx.putTwin(key, twin);
        });
        await reopened();
        const found = await read((tx) => tx.twin(key));
        expect(JSON.stringify(found?.reported.value)).toBe(JSON.stringify(value));
        expect(JSON.stringify(found?.tags)).toBe(JSON.stringify(value));
        expect(Object.hasOwn(found?.tags ?? {}, "__proto__")).toBe(true);
        expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
        const of = key.moduleId === undefined ? "devices" : "modules";
        const [listed] = await store.listTwins(of, null, 1);
        expect(JSON.stringify(listed?.twin.reported.value)).toBe(JSON.stringify(value));
      });
    });

    describe("transactions", () => {
      const d1 = { deviceId: "d1" };

      it("undo everything of a work that throws, and nothing of its neighbours", async () => {
        const first = store.transaction(d1, (tx) => tx.putIdentity(device("first")));
        const broken = store.transaction(d1, (tx) => {
          tx.putIdentity(device("broken"));
          tx.putTwin(d1, newTwin(1));
          tx.putPolicy({ name: "p", rights: [], primaryKey: "a", secondaryKey: "b" });
          tx.putDocument("c", "id", { a: 1 });
          tx.addToQueue("q", {}, new Uint8Array([1]));
          tx.deleteIdentity({ deviceId: "first" });
          tx.emit(created("broken", 1));
          throw new HubError("DeviceNotFound", "No device d1");
        });
        const last = store.transaction(d1, (tx) => {
          tx.putIdentity(device("last"));
          tx.emit(created("last", 2));
        });
        await expect(broken).rejects.toMatchObject({
          name: "DeviceNotFound",
          message: "No device d1",
        });
        await Promise.all([first, last]);
        const ids = (await store.listDevices(null, 10)).map((identity) => identity.deviceId);
        expect(ids).toEqual(["first", "last"]);
        expect(
          await read((tx) => [tx.twin(d1), tx.policies(), tx.documents("c"), tx.queueLength("q")]),
        ).toEqual([undefined, [], [], 0]);
        expect(await allEvents(store)).toEqual([{ sequence: 1, event: created("last", 2) }]);
        expect(await read((tx) => tx.counts())).toEqual({
          devices: 2,
          disabledDevices: 0,
          modules: 0,
        });
      });

      it("hand a thrown value on as it is", async () => {
        const bug = { not: "an error" };
        await expect(
          store.transaction(null, () => {
            throw bug;
          }),
        ).rejects.toBe(bug);
      });

      it("settle in the order of their works, and before the listener hears of them", async () => {
        const order: string[] = [];
        const heard = new Promise<void>((resolve) => {
          store.onCommitted((events) => {
            order.push(`heard ${events.map((event) => event.sequence).join()}`);
            resolve();
          });
        });
        const works = [1, 2, 3].map((n) =>
          store
            .transaction(null, (tx) => tx.emit(created(`d${n}`, n)))
            .then(() => Promise.resolve())
            .then(() => order.push(`settled ${n}`)),
        );
        await Promise.all([...works, heard]);
        expect(order).toEqual(["settled 1", "settled 2", "settled 3", "heard 1,2,3"]);
      });

      it("that write only presence are seen at once, told in order with what follows, and there after opening again", async () => {
        const [key] = both;
        if (key === undefined) throw new Error("no key");
        await create(key);
        const heard: (readonly [number, string])[] = [];
        const all = new Promise<void>((resolve) => {
          store.onCommitted((events) => {
            for (const { sequence, event } of events) heard.push([sequence, event.type]);
            if (heard.length === 3) resolve();
          });
        });
        const connect = (lastActivityTime: number) =>
          store.transaction(key, (tx) => {
            const presence = { connected: true, stateUpdatedTime: 1, lastActivityTime };
            tx.putPresence(key, presence);
            const { now: at } = tx;
            tx.emit({ type: "connectionChanged", key, at, connected: true, protocol: "mqtt" });
          });
        await connect(1);
        expect((await read((tx) => tx.presence(key)))?.lastActivityTime).toBe(1);
        const source = "devices";
        const { rows } = await store.scanTwins({ source, where: null, after: null, limit: 9 });
        expect(rows.map((row) => row.presence?.lastActivityTime)).toEqual([1]);
        await connect(2);
        await store.transaction(null, (tx) => tx.emit(created("d2", 2)));
        await all;
        expect(heard).toEqual([
          [1, "connectionChanged"],
          [2, "connectionChanged"],
          [3, "identityCreated"],
        ]);
        await connect(3);
        await reopened();
        expect((await read((tx) => tx.presence(key)))?.lastActivityTime).toBe(3);
        expect(await store.lastEvent()).toBe(4);
      });

      it("that write only presence are told although nothing follows", async () => {
        const [key] = both;
        if (key === undefined) throw new Error("no key");
        const heard = new Promise<readonly CommittedEvent[]>((resolve) => {
          store.onCommitted(resolve);
        });
        await store.transaction(key, (tx) =>
          tx.emit({ type: "connectionChanged", key, at: 1, connected: false, protocol: "mqtt" }),
        );
        expect((await heard).map((event) => event.sequence)).toEqual([1]);
      });

      it("refuse to be used after their work has ended", async () => {
        const tx = await store.transaction(null, (used) => used);
        expect(() => tx.putIdentity(device("late"))).toThrow("after its work had ended");
        expect(() => tx.identity(d1)).toThrow("after its work had ended");
      });

      it("show one time to a work: that of the clock", async () => {
        expect(await read((tx) => tx.now)).toBe(suiteTime);
      });

      it("take 10,000 in one turn", async () => {
        const keys = Array.from({ length: 10_000 }, (_, n) => ({
          deviceId: `d${n % 5_000}`,
          ...(n >= 5_000 && { moduleId: "m" }),
        }));
        const results = await Promise.all(
          keys.map((key, n) =>
            store.transaction(key, (tx) => {
              tx.putIdentity(identityAt(key));
              tx.emit(created(key.deviceId, n));
              return n;
            }),
          ),
        );
        expect(results).toEqual(keys.map((_, n) => n));
        expect(await read((tx) => tx.counts())).toEqual({
          devices: 5_000,
          disabledDevices: 0,
          modules: 5_000,
        });
        const sequences = (await allEvents(store)).map((event) => event.sequence);
        expect(sequences).toEqual(keys.map((_, n) => n + 1));
      });

      it("are refused with ServiceUnavailable once the store is closing, and those before are finished", async () => {
        const asked = store.transaction(d1, (tx) => {
          tx.putIdentity(device("d1"));
          return "done";
        });
        const closed = store.close();
        await expect(store.transaction(d1, () => "late")).rejects.toMatchObject({
          name: "ServiceUnavailable",
        });
        await expect(asked).resolves.toBe("done");
        await closed;
      });
    });

    describe("reads", () => {
      const d1 = { deviceId: "d1" };

      it("see what was acknowledged, and do not wait for what was only asked for", async () => {
        await create(...both);
        const order: string[] = [];
        const asked = store.transaction(null, (tx) => {
          for (const key of both) tx.putTwin(key, reported(newTwin(1), { n: 1 }));
          tx.putPolicy(policy("p"));
          tx.putDocument("c", "d", { n: 1 });
          tx.addToQueue("q", { n: 1 }, new Uint8Array(1));
          order.push("written");
        });
        const seen = () =>
          store.read(null, (reads) => {
            order.push("read");
            return {
              versions: both.map((key) => reads.twin(key)?.version),
              names: both.map((key) => reads.identity(key)).map((found) => found?.deviceId),
              modules: reads.modulesOf("d1").length,
              policy: reads.policy("p")?.name,
              policies: reads.policies().length,
              document: reads.document("c", "d"),
              documents: reads.documents("c").length,
              queued: reads.queueLength("q"),
              counts: reads.counts(),
              now: reads.now,
            };
          });
        const same = {
          names: ["d1", "d1"],
          modules: 1,
          counts: { devices: 1, disabledDevices: 0, modules: 1 },
          now: suiteTime,
        };
        const none = {
          policy: undefined,
          policies: 0,
          document: undefined,
          documents: 0,
          queued: 0,
        };
        expect(await seen()).toEqual({ ...same, ...none, versions: [2, 2] });
        await asked;
        const all = { policy: "p", policies: 1, document: { n: 1 }, documents: 1, queued: 1 };
        expect(await seen()).toEqual({ ...same, ...all, versions: [3, 3] });
        expect(order).toEqual(["read", "written", "read"]);
      });

      it("see presence that was answered before its commit", async () => {
        await create(...both);
        for (const [n, key] of both.entries()) {
          const presence = { connected: true, stateUpdatedTime: 1, lastActivityTime: n };
          await store.transaction(key, (tx) => tx.putPresence(key, presence));
          expect(await store.read(key, (reads) => reads.presence(key))).toEqual(presence);
        }
      });

      it("hand on what they throw, and cannot be used after their end", async () => {
        const thrown = new HubError("DeviceNotFound", "d9");
        const failing = store.read(d1, () => {
          throw thrown;
        });
        await expect(failing).rejects.toBe(thrown);
        const late = await store.read(d1, (reads) => reads);
        expect(() => late.identity(d1)).toThrow("after its work had ended");
      });

      it("are refused with ServiceUnavailable once the store is closing", async () => {
        const closed = store.close();
        await expect(store.read(d1, (reads) => reads.identity(d1))).rejects.toMatchObject({
          name: "ServiceUnavailable",
        });
        await closed;
      });
    });

    describe("registry", () => {
      it("counts devices, disabled devices and modules, also within a work and after opening again", async () => {
        await create({ deviceId: "a" }, { deviceId: "b" }, { deviceId: "a", moduleId: "m" });
        const within = await store.transaction(null, (tx) => {
          tx.putIdentity(device("a", "disabled"));
          tx.putIdentity(device("c", "disabled"));
          tx.deleteIdentity({ deviceId: "b" });
          tx.deleteIdentity({ deviceId: "b" });
          tx.deleteIdentity({ deviceId: "a", moduleId: "nobody" });
          tx.putIdentity(module("a", "m"));
          return tx.counts();
        });
        const expected = { devices: 2, disabledDevices: 2, modules: 1 };
        expect(within).toEqual(expected);
        await reopened();
        expect(await read((tx) => tx.counts())).toEqual(expected);
      });

      it("lists the modules of a device alone, in binary order, with those of unfinished works before", async () => {
        const ids = ["m", "M", "m1", "$edgeAgent", "m-1", "m10", "m2"];
        await create(...ids.map((moduleId) => ({ deviceId: "d", moduleId })));
        await create(
          { deviceId: "d!", moduleId: "x" },
          { deviceId: "d1", moduleId: "y" },
          { deviceId: "d" },
        );
        const added = store.transaction(null, (tx) => {
          tx.putIdentity(module("d", "A"));
          tx.deleteIdentity({ deviceId: "d", moduleId: "M" });
        });
        const listed = await read((tx) => {
          tx.putIdentity(module("d", "z"));
          tx.deleteIdentity({ deviceId: "d", moduleId: "m2" });
          return tx.modulesOf("d").map((found) => found.moduleId);
        });
        await added;
        expect(listed).toEqual(["$edgeAgent", "A", "m", "m-1", "m1", "m10", "z"]);
        expect(await read((tx) => tx.modulesOf("d").map((found) => found.moduleId))).toEqual(
          listed,
        );
        expect(await read((tx) => tx.modulesOf("nobody"))).toEqual([]);
      });

      it("pages devices in binary order", async () => {
        const ids = ["b", "a", "B", "a-b", "a!", "a.b", "a1", "a10", "a2", "_", "z"];
        await create(...ids.map((deviceId) => ({ deviceId })));
        await create({ deviceId: "a", moduleId: "m" });
        const pages: string[] = [];
        let after: string | null = null;
        for (;;) {
          const page: readonly { deviceId: string }[] = await store.listDevices(after, 3);
          expect(page.length).toBeLessThanOrEqual(3);
          const last = page.at(-1);
          if (last === undefined) break;
          pages.push(...page.map((identity) => identity.deviceId));
          after = last.deviceId;
        }
        expect(pages).toEqual([...ids].sort((a, b) => (a < b ? -1 : 1)));
        expect(pages[0]).toBe("B");
      });

      it("pages twins in the order of device and module id, which is not that of their joined text", async () => {
        const keys = [
          { deviceId: "d", moduleId: "z" },
          { deviceId: "d!", moduleId: "a" },
          { deviceId: "d-1", moduleId: "a" },
          { deviceId: "d", moduleId: "a" },
          { deviceId: "e", moduleId: "a" },
        ];
        await create({ deviceId: "d" }, { deviceId: "d!" }, ...keys);
        const found: string[] = [];
        let after: IdentityKey | null = null;
        for (;;) {
          const page: Awaited<ReturnType<HubStore["listTwins"]>> = await store.listTwins(
            "modules",
            after,
            2,
          );
          const last = page.at(-1);
          if (last === undefined) break;
          found.push(...page.map((entry) => keyText(entry.identity)));
          after = last.identity;
        }
        expect(found).toEqual(["d/a", "d/z", "d!/a", "d-1/a", "e/a"]);
        const devices = await store.listTwins("devices", { deviceId: "d" }, 10);
        expect(devices.map((entry) => entry.identity.deviceId)).toEqual(["d!"]);
        expect(devices[0]?.twin).toEqual(newTwin(suiteTime));
      });

      it("misses no twin in a listing while others are written", async () => {
        const stay = Array.from({ length: 300 }, (_, n) => ({
          deviceId: `stay${n}`,
          moduleId: "m",
        }));
        await create(...stay);
        const found = new Set<string>();
        const writes: Promise<unknown>[] = [];
        let after: IdentityKey | null = null;
        for (let n = 0; ; n++) {
          writes.push(
            create({ deviceId: `new${n}`, moduleId: "m" }, { deviceId: `tail${n}`, moduleId: "m" }),
          );
          const page: Awaited<ReturnType<HubStore["listTwins"]>> = await store.listTwins(
            "modules",
            after,
            10,
          );
          const last = page.at(-1);
          if (last === undefined || n > 1_000) break;
          for (const entry of page) found.add(keyText(entry.identity));
          after = last.identity;
        }
        await Promise.all(writes);
        for (const key of stay) expect(found).toContain(keyText(key));
      });

      it("lists what was acknowledged before", async () => {
        await create({ deviceId: "d", moduleId: "m" });
        const key = { deviceId: "d", moduleId: "m" };
        await store.transaction(key, (tx) => tx.putTwin(key, reported(newTwin(1), { a: 1 })));
        const [entry] = await store.listTwins("modules", null, 1);
        expect(entry?.twin.reported.value).toEqual({ a: 1 });
      });
    });

    describe("policies and documents", () => {
      it("keeps policies by name, in binary order", async () => {
        await store.transaction(null, (tx) => {
          for (const name of ["service", "device", "Zed"]) tx.putPolicy(policy(name));
        });
        const within = await store.transaction(null, (tx) => {
          tx.deletePolicy("device");
          tx.putPolicy({ ...policy("service"), primaryKey: "bmV3" });
          tx.putPolicy(policy("abc"));
          return tx.policies();
        });
        const expected = [
          policy("Zed"),
          policy("abc"),
          { ...policy("service"), primaryKey: "bmV3" },
        ];
        expect(within).toEqual(expected);
        expect(await read((tx) => tx.policies())).toEqual(expected);
        await reopened();
        expect(await read((tx) => tx.policies())).toEqual(expected);
        expect(await read((tx) => [tx.policy("service"), tx.policy("device")])).toEqual([
          expected[2],
          undefined,
        ]);
      });

      it("keeps documents apart by collection, in binary order of their ids", async () => {
        await store.transaction(null, (tx) => {
          tx.putDocument("jobs", "b", { n: 1 });
          tx.putDocument("jobs", "a", { n: 2, list: ["ü"] });
          tx.putDocument("jobs", "gone", {});
          tx.putDocument("settings", "b", { n: 3 });
        });
        const within = await store.transaction(null, (tx) => {
          tx.putDocument("jobs", "B", { n: 4 });
          tx.deleteDocument("jobs", "gone");
          return tx.documents("jobs");
        });
        const expected = [
          { id: "B", value: { n: 4 } },
          { id: "a", value: { n: 2, list: ["ü"] } },
          { id: "b", value: { n: 1 } },
        ];
        expect(within).toEqual(expected);
        await reopened();
        expect(await read((tx) => tx.documents("jobs"))).toEqual(expected);
        expect(
          await read((tx) => [
            tx.document("settings", "b"),
            tx.document("jobs", "gone"),
            tx.documents("no"),
          ]),
        ).toEqual([{ n: 3 }, undefined, []]);
      });
    });

    describe("queues", () => {
      const bytes = (...values: number[]) => new Uint8Array(values);

      it("keep items oldest first, with their bodies, also after opening again", async () => {
        await store.transaction(null, (tx) => {
          tx.addToQueue("c2d/d1", { n: 1 }, bytes(1, 2));
          tx.addToQueue("c2d/d1/m1", { n: 2 }, bytes(3));
        });
        await store.transaction(null, (tx) => tx.addToQueue("c2d/d1", { n: 3 }, bytes()));
        const found = () =>
          read((tx) => tx.queue("c2d/d1", 10).map((item) => [item.value, [...item.body]]));
        const expected = [
          [{ n: 1 }, [1, 2]],
          [{ n: 3 }, []],
        ];
        expect(await found()).toEqual(expected);
        await reopened();
        expect(await found()).toEqual(expected);
        expect(await read((tx) => [tx.queueLength("c2d/d1"), tx.queueLength("c2d/d2")])).toEqual([
          2, 0,
        ]);
        expect(await read((tx) => tx.queue("c2d/d1", 1).map((item) => item.value))).toEqual([
          { n: 1 },
        ]);
      });

      it("show a work its own additions, changes and deletions over those before it", async () => {
        const [first, second] = await store.transaction(null, (tx) =>
          [1, 2, 3].map((n) => tx.addToQueue("q", { n }, bytes(n))),
        );
        if (first === undefined || second === undefined) throw new Error("no numbers");
        const batchmate = store.transaction(null, (tx) => {
          tx.deleteFromQueue("q", first);
          tx.addToQueue("q", { n: 4 }, bytes(4));
        });
        const seen = await read((tx) => {
          const fifth = tx.addToQueue("q", { n: 5 }, bytes(5));
          tx.updateQueueItem("q", second, { n: 2, locked: true });
          tx.updateQueueItem("q", fifth, { n: 5, locked: true });
          tx.updateQueueItem("q", 10_000, { nobody: true });
          tx.deleteFromQueue("q", 10_000);
          return [
            tx.queueLength("q"),
            tx.queue("q", 10).map((item) => item.value),
            tx.queue("q", 2).length,
          ];
        });
        await batchmate;
        const values = [{ n: 2, locked: true }, { n: 3 }, { n: 4 }, { n: 5, locked: true }];
        expect(seen).toEqual([4, values, 2]);
        expect(
          await read((tx) => tx.queue("q", 10).map((item) => [item.value, [...item.body]])),
        ).toEqual(values.map((value) => [value, [value.n]]));
        expect(await read((tx) => tx.queueLength("q"))).toBe(4);
      });

      it("give one item by its number, whether it is committed, of the same batch or of the same work", async () => {
        const old = await store.transaction(null, (tx) => tx.addToQueue("q", { n: 1 }, bytes(1)));
        await reopened();
        const batchmate = store.transaction(null, (tx) => tx.addToQueue("q", { n: 2 }, bytes(2)));
        const seen = await read((tx) => {
          const own = tx.addToQueue("q", { n: 3 }, bytes(3));
          const [, inBatch] = tx.queue("q", 2);
          const found = [old, inBatch?.sequence ?? 0, own].map((one) => tx.queueItem("q", one));
          tx.deleteFromQueue("q", old);
          return [...found, tx.queueItem("q", old), tx.queueItem("q", 0), tx.queueItem("p", own)];
        });
        await batchmate;
        expect(seen.map((item) => item && [item.value, [...item.body]])).toEqual([
          [{ n: 1 }, [1]],
          [{ n: 2 }, [2]],
          [{ n: 3 }, [3]],
          undefined,
          undefined,
          undefined,
        ]);
      });

      it("number items upwards for ever, even when they were empty in between", async () => {
        const add = () => store.transaction(null, (tx) => tx.addToQueue("q", {}, bytes()));
        const first = await add();
        await store.transaction(null, (tx) => tx.deleteFromQueue("q", first));
        await reopened();
        const second = await add();
        expect(second).toBeGreaterThan(first);
        expect(await read((tx) => tx.queue("q", 5).map((item) => item.sequence))).toEqual([second]);
      });

      it("are named, while they hold something, in binary order from a prefix on", async () => {
        await store.transaction(null, (tx) => {
          for (const name of ["c2d/b", "c2d/a", "c2d/a", "c2d/B", "c2e", "c2d", "c2d/a!/m", "b"]) {
            tx.addToQueue(name, {}, bytes());
          }
          tx.deleteFromQueue("c2d/b", tx.queue("c2d/b", 1)[0]?.sequence ?? 0);
        });
        expect(await store.queueNames("c2d/", null, 10)).toEqual(["c2d/B", "c2d/a", "c2d/a!/m"]);
        expect(await store.queueNames("c2d/", "c2d/B", 1)).toEqual(["c2d/a"]);
        expect(await store.queueNames("c2d", null, 2)).toEqual(["c2d", "c2d/B"]);
        expect(await store.queueNames("c2d/", "c2d/a!/m", 10)).toEqual([]);
      });
    });

    it("keeps each of the twins that one turn creates, changes and deletes, however many", async () => {
      const expected = new Map<IdentityKey, number | null>();
      for (let count = 1; count <= 13; count++) {
        const keys = Array.from({ length: count }, (_, n): IdentityKey => {
          const deviceId = `c${count}-${n - (n % 2)}`;
          return n % 2 === 0 ? { deviceId } : { deviceId, moduleId: "m" };
        });
        const put = (n: number) => (key: IdentityKey, index: number) => {
          expected.set(key, n + index);
          return store.transaction(key, (tx) => {
            tx.putIdentity(identityAt(key));
            tx.putTwin(key, reported(fullTwin(), { n: n + index }));
          });
        };
        await Promise.all(keys.map(put(10)));
        const [first, ...others] = keys;
        if (first === undefined) throw new Error("there is no key");
        expected.set(first, null);
        const deleted = store.transaction(first, (tx) => tx.deleteTwin(first));
        await Promise.all([...others.map(put(100)), deleted]);
      }
      await reopened();
      const found = await store.transaction(null, (tx) =>
        [...expected.keys()].map((key) => tx.twin(key)?.reported.value["n"] ?? null),
      );
      expect(found).toEqual([...expected.values()]);
    });

    it("does what a plain map would do, whatever is asked for in one turn", async () => {
      let run = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(workArbitrary, { maxLength: 6 }), { maxLength: 4 }),
          async (turns) => {
            const model = new Model(`run${run++}`);
            for (const works of turns) {
              const expected = works.map((work) => model.run(work));
              const found = await Promise.all(
                works.map((work) =>
                  store.transaction(null, (tx) => model.apply(tx, work)).catch(() => "threw"),
                ),
              );
              expect(found).toEqual(expected);
            }
          },
        ),
        { numRuns: 60 },
      );
    });

    describe("outbox", () => {
      it("numbers events from 1 without gaps, in the order of the works, also after opening again", async () => {
        await Promise.all(
          Array.from({ length: 50 }, (_, n) =>
            store
              .transaction(null, (tx) => {
                tx.emit(created("a", n));
                tx.emit(created("b", n));
                if (n % 5 === 0) throw new Error("refused");
              })
              .catch(() => {}),
          ),
        );
        expect(await store.lastEvent()).toBe(80);
        const before = await allEvents(store);
        expect(before.map((event) => event.sequence)).toEqual(
          Array.from({ length: 80 }, (_, n) => n + 1),
        );
        const times = before.map(({ event }) => event.at);
        expect(times).toEqual([...times].sort((a, b) => a - b));
        await reopened();
        if (opened.reopen !== undefined) expect(await allEvents(store)).toEqual(before);
        await store.transaction(null, (tx) => tx.emit(created("later", 1)));
        expect(await store.events(80, 5)).toEqual([{ sequence: 81, event: created("later", 1) }]);
      });

      it("goes on counting when everything was trimmed", async () => {
        for (let n = 1; n <= 5; n++)
          await store.transaction(null, (tx) => tx.emit(created("d", n)));
        await store.trimEvents(3);
        expect((await allEvents(store)).map((event) => event.sequence)).toEqual([4, 5]);
        await store.trimEvents(2);
        await store.trimEvents(1_000);
        expect(await allEvents(store)).toEqual([]);
        await reopened();
        expect(await store.lastEvent()).toBe(5);
        await store.transaction(null, (tx) => tx.emit(created("d", 6)));
        expect((await allEvents(store)).map((event) => event.sequence)).toEqual([6]);
      });

      it("reads from any place, and not before a trim, what one commit has written", async () => {
        const works = Array.from({ length: 700 }, (_, n) =>
          store.transaction(null, (tx) => tx.emit(created("d", n + 1))),
        );
        await Promise.all(works);
        await store.trimEvents(300);
        await reopened();
        for (const [after, limit, first] of [
          [0, 3, 301],
          [300, 3, 301],
          [511, 300, 512],
          [699, 3, 700],
        ] as const) {
          const events = await store.events(after, limit);
          const expected = Array.from({ length: Math.min(limit, 701 - first) }, (_, n) => ({
            sequence: first + n,
            event: created("d", first + n),
          }));
          expect(events).toEqual(expected);
        }
        expect(await store.events(700, 3)).toEqual([]);
      });

      it("tells the listener each event once, in the order of commits", async () => {
        const heard: CommittedEvent[] = [];
        let done = () => {};
        const all = new Promise<void>((resolve) => {
          done = resolve;
        });
        store.onCommitted((events) => {
          heard.push(...events);
          if (heard.length >= 100) done();
        });
        for (let n = 0; n < 10; n++) {
          await Promise.all(
            Array.from({ length: 10 }, (_, m) =>
              store.transaction(null, (tx) => tx.emit(created("d", n * 10 + m))),
            ),
          );
        }
        await all;
        expect(heard).toEqual(await allEvents(store));
      });
    });

    describe("event log", () => {
      const d1 = { deviceId: "d1" };
      const m1 = { deviceId: "d1", moduleId: "m1" };

      it("keeps messages of devices and modules whole", async () => {
        const sent = [message(d1, "from a device"), message(m1, "from a module"), message(m1, "")];
        for (const each of sent) await store.eventLog.append(1, each);
        await reopened();
        if (opened.reopen === undefined) expect(store.eventLog.partitions).toBe(4);
        const found = await store.eventLog.read(1, 1, 10);
        expect(found.map(({ message: kept }) => ({ ...kept, body: text(kept.body) }))).toEqual(
          sent.map((each) => ({ ...each, body: text(each.body) })),
        );
      });

      it("numbers each partition from 1 without gaps, in the order of appending", async () => {
        const positions = await Promise.all(
          Array.from({ length: 90 }, (_, n) =>
            store.eventLog.append(n % 3, message(d1, String(n))),
          ),
        );
        expect(positions).toEqual(
          Array.from({ length: 90 }, (_, n) => ({
            partition: n % 3,
            sequenceNumber: Math.floor(n / 3) + 1,
          })),
        );
        const rows = await store.eventLog.read(2, 11, 3);
        expect(
          rows.map((row) => [row.partition, row.sequenceNumber, text(row.message.body)]),
        ).toEqual([
          [2, 11, "32"],
          [2, 12, "35"],
          [2, 13, "38"],
        ]);
        expect(await store.eventLog.read(3, 1, 10)).toEqual([]);
        expect(await store.eventLog.info(3)).toEqual({
          partition: 3,
          firstSequenceNumber: 1,
          lastSequenceNumber: 0,
          lastEnqueuedTime: never,
        });
      });

      it("finds the first message of a time, even if the clock once went back", async () => {
        for (const time of [100, 200, 150, 200, 300]) {
          await store.eventLog.append(0, message(m1, String(time), time));
        }
        const found = await Promise.all(
          [0, 100, 101, 150, 200, 201, 300, 301].map((time) => store.eventLog.seek(0, time)),
        );
        expect(found).toEqual([1, 1, 2, 2, 2, 5, 5, 6]);
        expect(await store.eventLog.seek(1, 5)).toBe(1);
      });

      it("drops what is older than a time, and remembers the numbers", async () => {
        for (let n = 1; n <= 6; n++) await store.eventLog.append(0, message(d1, String(n), n * 10));
        await store.eventLog.trim(31, Infinity);
        const info = {
          partition: 0,
          firstSequenceNumber: 4,
          lastSequenceNumber: 6,
          lastEnqueuedTime: 60,
        };
        expect(await store.eventLog.info(0)).toEqual(info);
        expect((await store.eventLog.read(0, 1, 10)).map((row) => row.sequenceNumber)).toEqual([
          4, 5, 6,
        ]);
        expect(await store.eventLog.seek(0, 0)).toBe(4);
        await store.eventLog.trim(1_000, Infinity);
        await reopened();
        expect(await store.eventLog.read(0, 1, 10)).toEqual([]);
        expect(await store.eventLog.info(0)).toEqual({ ...info, firstSequenceNumber: 7 });
        expect(await store.eventLog.append(0, message(d1, "7", 70))).toEqual({
          partition: 0,
          sequenceNumber: 7,
        });
      });

      it("drops the oldest bodies until few enough bytes remain in each partition", async () => {
        for (let n = 0; n < 10; n++) {
          await store.eventLog.append(0, message(m1, "0123456789"));
          await store.eventLog.append(1, message(m1, "01234"));
        }
        await store.eventLog.trim(0, 45);
        const firsts = async () =>
          (await Promise.all([store.eventLog.info(0), store.eventLog.info(1)])).map(
            (info) => info.firstSequenceNumber,
          );
        expect(await firsts()).toEqual([7, 2]);
        await store.eventLog.trim(0, 45);
        expect(await firsts()).toEqual([7, 2]);
        await store.eventLog.trim(0, 0);
        expect(await firsts()).toEqual([11, 11]);
      });

      it("drops many messages in several commits while others are appended", async () => {
        await Promise.all(
          Array.from({ length: 1_700 }, (_, n) => store.eventLog.append(0, message(d1, "x", n))),
        );
        const trimmed = store.eventLog.trim(1_650, Infinity);
        const appended = store.eventLog.append(0, message(d1, "new", 2_000));
        await Promise.all([trimmed, appended]);
        expect(await store.eventLog.info(0)).toMatchObject({
          firstSequenceNumber: 1_651,
          lastSequenceNumber: 1_701,
        });
        expect((await store.eventLog.read(0, 0, 5_000)).length).toBe(51);
      });

      it("tells its listeners after appending, until they end it", async () => {
        const heard: unknown[] = [];
        let heardFirst = () => {};
        const first = new Promise<void>((resolve) => {
          heardFirst = resolve;
        });
        const end = store.eventLog.onAppended((partition, last) => {
          heard.push([partition, last]);
          heardFirst();
        });
        await Promise.all([1, 2, 3].map((n) => store.eventLog.append(2, message(d1, String(n)))));
        await first;
        end();
        await store.eventLog.append(2, message(d1, "4"));
        await new Promise((resolve) => setImmediate(resolve));
        await new Promise((resolve) => setImmediate(resolve));
        expect(heard).toEqual([[2, 3]]);
      });

      it("appends messages together, in their order among the others", async () => {
        const many = Array.from({ length: 300 }, (_, n) => message(m1, `t${n}`, n));
        const before = store.eventLog.append(1, message(d1, "before"));
        const together = completed((one) => store.eventLog.appendAll(1, many, one));
        const after = store.eventLog.append(1, message(d1, "after"));
        await Promise.all([before, together, after]);
        expect(await after).toEqual({ partition: 1, sequenceNumber: 302 });
        await reopened();
        const found = await store.eventLog.read(1, 1, 1_000);
        expect(found.map(({ sequenceNumber }) => sequenceNumber)).toEqual(
          Array.from({ length: 302 }, (_, n) => n + 1),
        );
        expect(found.map(({ message: kept }) => text(kept.body))).toEqual([
          "before",
          ...many.map(({ body }) => text(body)),
          "after",
        ]);
        expect(
          found.slice(1, -1).map(({ message: kept }) => [kept.key, kept.enqueuedTime]),
        ).toEqual(many.map(({ enqueuedTime }) => [m1, enqueuedTime]));
      });

      it("knows no partition beyond its own", async () => {
        const lost = [message(d1, "lost")];
        await expect(completed((one) => store.eventLog.appendAll(99, lost, one))).rejects.toThrow(
          RangeError,
        );
        await expect(store.eventLog.append(99, message(d1, "lost"))).rejects.toThrow(RangeError);
        await expect(store.eventLog.info(99)).rejects.toThrow(RangeError);
      });
    });

    describe("log of an endpoint", () => {
      const d1 = { deviceId: "d1" };
      const m1 = { deviceId: "d1", moduleId: "m1" };
      const bodies = async (place: number, partition: number) =>
        (await store.endpointLog(place, 32).read(partition, 1, 10)).map((row) => [
          row.partition,
          row.sequenceNumber,
          text(row.message.body),
        ]);

      it("has its own messages, numbers and ends, and keeps them", async () => {
        const first = store.endpointLog(1, 2);
        const last = store.endpointLog(10, 32);
        expect([first.partitions, last.partitions]).toEqual([2, 32]);
        await store.eventLog.append(1, message(d1, "own"));
        await first.append(1, message(m1, "a", 10));
        expect(await first.append(1, message(m1, "b", 20))).toEqual({
          partition: 1,
          sequenceNumber: 2,
        });
        await last.append(31, message(d1, "c", 30));
        await reopened();
        expect(await bodies(1, 1)).toEqual([
          [1, 1, "a"],
          [1, 2, "b"],
        ]);
        expect(await bodies(10, 31)).toEqual([[31, 1, "c"]]);
        expect([await bodies(1, 0), await bodies(2, 1), await bodies(9, 31)]).toEqual([[], [], []]);
        expect(await store.eventLog.info(1)).toMatchObject({ lastSequenceNumber: 1 });
        expect(await store.endpointLog(10, 32).info(31)).toEqual({
          partition: 31,
          firstSequenceNumber: 1,
          lastSequenceNumber: 1,
          lastEnqueuedTime: 30,
        });
        expect(await store.endpointLog(1, 2).seek(1, 15)).toBe(2);
      });

      it("is trimmed alone, to nothing if asked, and goes on counting", async () => {
        const log = store.endpointLog(3, 4);
        for (let n = 1; n <= 3; n++) {
          await log.append(2, message(m1, String(n), n));
          await store.eventLog.append(2, message(d1, String(n), n));
        }
        await log.trim(Infinity, 0);
        expect(await log.read(2, 1, 10)).toEqual([]);
        expect((await store.eventLog.read(2, 1, 10)).length).toBe(3);
        await reopened();
        const again = store.endpointLog(3, 4);
        expect(await again.append(2, message(d1, "4", 4))).toEqual({
          partition: 2,
          sequenceNumber: 4,
        });
        expect((await again.info(2)).firstSequenceNumber).toBe(4);
      });

      it("tells its own listeners alone, whoever asked for it", async () => {
        const heard: string[] = [];
        let both = () => {};
        const done = new Promise<void>((resolve) => {
          both = resolve;
        });
        store.eventLog.onAppended((partition) => heard.push(`own ${partition}`));
        store.endpointLog(5, 4).onAppended((partition, last) => {
          heard.push(`endpoint ${partition} ${last}`);
          both();
        });
        await store.endpointLog(5, 4).append(3, message(m1, "x"));
        await done;
        expect(heard).toEqual(["endpoint 3 1"]);
      });

      it("refuses places and partitions that there are not", async () => {
        expect(() => store.endpointLog(11, 1)).toThrow(RangeError);
        expect(() => store.endpointLog(1, 33)).toThrow(RangeError);
        await expect(store.endpointLog(1, 2).append(2, message(d1, "lost"))).rejects.toThrow(
          RangeError,
        );
      });
    });

    it("has on the disk whatever was acknowledged, without being closed", async () => {
      const key = { deviceId: "d", moduleId: "m" };
      await create({ deviceId: "d" }, key);
      await store.transaction(key, (tx) => {
        tx.putTwin(key, reported(newTwin(1), { safe: true }));
        tx.putPresence(key, { connected: true, stateUpdatedTime: 1, lastActivityTime: 2 });
        tx.emit(created("d", 1));
      });
      await store.eventLog.append(0, message(key, "safe"));
      const survivor = opened.afterCrash === undefined ? store : await opened.afterCrash();
      try {
        const twin = await survivor.transaction(key, (tx) => tx.twin(key));
        expect(twin?.reported.value).toEqual({ safe: true });
        expect(await survivor.lastEvent()).toBe(1);
        expect(
          (await survivor.eventLog.read(0, 1, 5)).map((row) => text(row.message.body)),
        ).toEqual(["safe"]);
        const presence = await survivor.transaction(key, (tx) => tx.presence(key));
        expect(presence).toEqual(
          survivor === store
            ? { connected: true, stateUpdatedTime: 1, lastActivityTime: 2 }
            : { connected: false, stateUpdatedTime: suiteTime, lastActivityTime: 2 },
        );
      } finally {
        if (survivor !== store) await survivor.close();
      }
    });
  });
}
