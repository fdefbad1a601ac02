import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { anyEtag, noPrecondition } from "../../src/domain/identity/etag.ts";
import type { IdentityKey } from "../../src/domain/identity/key.ts";
import type { JsonObject } from "../../src/domain/json.ts";
import { AppHub, owner, refusalOf, storeKinds } from "../support/app-hub.ts";

const kinds = [
  { what: "devices", source: "devices", key: (n: number): IdentityKey => ({ deviceId: `d${n}` }) },
  {
    what: "modules",
    source: "devices.modules",
    key: (n: number): IdentityKey => ({ deviceId: "d0", moduleId: `m${n}` }),
  },
];

describe.each(storeKinds)("On the %s store", (kind) => {
  let app: AppHub;
  beforeEach(async () => {
    app = await AppHub.start(kind);
  });
  afterEach(() => app.stop());

  async function rows(text: string, pageSize?: number): Promise<readonly JsonObject[]> {
    const found: JsonObject[] = [];
    let continuation: string | undefined;
    do {
      const page = await app.hub.queries.run(owner, text, { pageSize, continuation });
      found.push(...page.items);
      continuation = page.continuation ?? undefined;
    } while (continuation !== undefined);
    return found;
  }

  describe.each(kinds)("a query over $what", ({ source, key }) => {
    const idOf = (row: JsonObject) => row["moduleId"] ?? row["deviceId"];
    const idsOf = (found: readonly JsonObject[]) => found.map(idOf);
    const ids = (...numbers: number[]) => numbers.map((n) => key(n).moduleId ?? key(n).deviceId);

    async function make(count: number): Promise<void> {
      for (let n = 0; n < count; n++) await app.create(key(n));
    }

    it("QL38 sees what was just acknowledged", async () => {
      await make(3);
      for (let n = 0; n < 20; n++) {
        await app.hub.twins.patch(owner, key(1), { tags: { n } }, noPrecondition);
        expect(idsOf(await rows(`SELECT * FROM ${source} WHERE tags.n = ${n}`))).toEqual(ids(1));
      }
    });

    it("shows each twin as a read of it does, whatever it holds", async () => {
      const names = fc.oneof(
        fc.stringMatching(/^[a-zé"\\}{\]:,'-]{1,8}$/),
        fc.constantFrom("t", "v", "k", "0", "17", "__proto__"),
      );
      const { value } = fc.letrec<{ value: JsonObject }>((tie) => ({
        value: fc.dictionary(
          names,
          fc.oneof(
            { depthSize: "small" },
            fc.double({ noNaN: true, min: -1e15, max: 1e15 }),
            fc.boolean(),
            fc.string({ unit: "binary" }),
            fc.array(fc.integer(), { maxLength: 3 }),
            tie("value"),
          ),
          { maxKeys: 4 },
        ),
      }));
      const { primary } = await app.create(key(0));
      const { principal } = await app.connect(key(0), primary);
      await fc.assert(
        fc.asyncProperty(value, value, value, async (tags, desired, reported) => {
          await app.hub.twins.updateReported(principal, reported);
          const patch = { tags, properties: { desired } };
          await app.hub.twins.replace(owner, key(0), patch, noPrecondition);
          for (const query of [`SELECT * FROM ${source}`, `SELECT * FROM ${source} WHERE true`]) {
            const { items } = await app.hub.queries.run(owner, query, { pageSize: 1 });
            const { body } = await app.hub.twins.get(owner, key(0));
            expect(items).toEqual([JSON.parse(JSON.stringify(body))]);
          }
        }),
        { numRuns: 40 },
      );
    });

    it("QL23 gives every row once, whatever the size of a page", async () => {
      await make(7);
      const whole = idsOf(await rows(`SELECT * FROM ${source}`));
      expect(new Set(whole).size).toBe(7);
      for (const size of [1, 2, 3, 7, 8]) {
        expect(idsOf(await rows(`SELECT * FROM ${source}`, size))).toEqual(whole);
      }
    });

    it("neither repeats nor skips rows that were there throughout, while others come and go", async () => {
      await make(9);
      const text = `SELECT * FROM ${source} WHERE NOT IS_DEFINED(tags.guest)`;
      const found: JsonObject[] = [];
      let continuation: string | undefined;
      for (let step = 0; ; step++) {
        const page = await app.hub.queries.run(owner, text, { pageSize: 2, continuation });
        found.push(...page.items);
        if (page.continuation === null) break;
        continuation = page.continuation;
        const guest = key(100 + step);
        await app.create(guest);
        await app.hub.twins.patch(owner, guest, { tags: { guest: true } }, noPrecondition);
        if (step === 1)
          await app.hub.identities.delete(
            owner,
            key(0).moduleId === undefined ? key(0) : key(0),
            anyEtag,
          );
      }
      expect(idsOf(found).filter((id) => id !== ids(0)[0])).toEqual(ids(1, 2, 3, 4, 5, 6, 7, 8));
    });

    it("QL16 QL17 counts what matches", async () => {
      await make(4);
      await app.hub.twins.patch(owner, key(2), { tags: { hot: true } }, noPrecondition);
      expect(await rows(`SELECT COUNT() AS n FROM ${source}`)).toEqual([{ n: 4 }]);
      expect(await rows(`SELECT COUNT() AS n FROM ${source} WHERE tags.hot = true`)).toEqual([
        { n: 1 },
      ]);
      expect(
        await rows(`SELECT COUNT() AS n FROM ${source} WHERE connectionState = 'Connected'`),
      ).toEqual([{ n: 0 }]);
    });

    it("knows who is connected now", async () => {
      const keys = await app.create(key(0));
      await app.create(key(1));
      const { open } = await app.connect(key(0), keys.primary);
      const connected = `SELECT * FROM ${source} WHERE connectionState = 'Connected'`;
      expect(idsOf(await rows(connected))).toEqual(ids(0));
      open.ended("clientDisconnected");
      await expect.poll(async () => idsOf(await rows(connected))).toEqual([]);
    });

    it("finds a twin by its etag", async () => {
      await make(2);
      const { etag } = await app.hub.twins.patch(owner, key(1), { tags: { a: 1 } }, noPrecondition);
      expect(idsOf(await rows(`SELECT * FROM ${source} WHERE etag = '${etag}'`))).toEqual(ids(1));
      expect(idsOf(await rows(`SELECT * FROM ${source} WHERE etag IN ['x', '${etag}']`))).toEqual(
        ids(1),
      );
      const others = idsOf(await rows(`SELECT * FROM ${source} WHERE etag != '${etag}'`));
      expect(others).toContain(ids(0)[0]);
      expect(others).not.toContain(ids(1)[0]);
    });

    it("says whether the database looks at connections", async () => {
      const text = `EXPLAIN SELECT * FROM ${source} WHERE connectionState = 'Connected'`;
      const [plan] = await rows(text);
      if (kind === "memory") return expect(plan).toMatchObject({ inDatabase: "none" });
      expect(plan).toMatchObject({ inDatabase: "all", parameters: ["Connected"] });
      const steps = plan?.["plan"] as readonly string[];
      // The connection of each row, and the one that the condition asks for.
      for (const table of ["SEARCH p ", "SEARCH ps "])
        expect(steps).toContainEqual(expect.stringContaining(table));
    });

    it("QL22 takes TOP for all pages together", async () => {
      await make(5);
      expect(await rows(`SELECT TOP 3 * FROM ${source}`, 2)).toHaveLength(3);
    });

    it("refuses a token of another query, and text that is none", async () => {
      await make(3);
      const page = await app.hub.queries.run(owner, `SELECT * FROM ${source}`, { pageSize: 1 });
      const continuation = page.continuation ?? "";
      const other = `SELECT * FROM ${source} WHERE true`;
      expect(await refusalOf(app.hub.queries.run(owner, other, { continuation }))).toBe(
        "400004 ArgumentInvalid",
      );
      expect(await refusalOf(app.hub.queries.run(owner, "select", {}))).toBe(
        "400004 ArgumentInvalid",
      );
    });

    it("stays open: rows enter, change and leave", async () => {
      await make(2);
      await app.hub.twins.patch(owner, key(0), { tags: { hot: true } }, noPrecondition);
      const live = await app.hub.queries.live(
        owner,
        `SELECT * FROM ${source} WHERE tags.hot = true`,
      );
      const kindsOf = async () =>
        (await live.next(100))?.map((change) => [
          change.kind,
          change.moduleId ?? change.deviceId,
        ]) ?? null;
      expect(await kindsOf()).toEqual([
        ["enter", ids(0)[0]],
        ["ready", undefined],
      ]);
      expect(await kindsOf()).toBeNull();
      await app.hub.twins.patch(owner, key(1), { tags: { hot: true } }, noPrecondition);
      expect(await kindsOf()).toEqual([["enter", ids(1)[0]]]);
      await app.hub.twins.patch(owner, key(0), { tags: { n: 1 } }, noPrecondition);
      expect(await kindsOf()).toEqual([["change", ids(0)[0]]]);
      await app.hub.twins.patch(owner, key(0), { tags: { hot: null } }, noPrecondition);
      await app.hub.identities.delete(owner, key(1), anyEtag);
      expect(await kindsOf()).toEqual([
        ["leave", ids(0)[0]],
        ["leave", ids(1)[0]],
      ]);
    });
  });

  describe("the change feed", () => {
    it("tells all changes of twins and identities once, in order, from wherever it is read", async () => {
      const key = { deviceId: "d1", moduleId: "m1" };
      const { primary } = await app.create(key);
      const { principal } = await app.connect(key, primary);
      await app.hub.twins.updateReported(principal, { r: 1 });
      await app.hub.twins.patch(owner, key, { properties: { desired: { a: 1 } } }, noPrecondition);
      await app.setStatus("d1", "disabled");
      await app.hub.identities.delete(owner, key, anyEtag);
      const whole = await app.hub.changes.read(owner, 0, 1000);
      expect(
        whole.changes.map(({ body }) => [body["type"], body["moduleId"] ?? body["deviceId"]]),
      ).toEqual([
        ["createIdentity", "d1"],
        ["createIdentity", "m1"],
        ["updateTwin", "m1"],
        ["updateTwin", "m1"],
        ["updateIdentity", "d1"],
        ["deleteIdentity", "m1"],
      ]);
      const one: number[] = [];
      for (let after = 0; ;) {
        const page = await app.hub.changes.read(owner, after, 1);
        if (page.last === after) break;
        one.push(...page.changes.map(({ sequence }) => sequence));
        after = page.last;
      }
      expect(one).toEqual(whole.changes.map(({ sequence }) => sequence));
    });

    it("shows those whose twin matches a condition", async () => {
      await app.create({ deviceId: "d1" });
      await app.create({ deviceId: "d2" });
      await app.hub.twins.patch(owner, { deviceId: "d2" }, { tags: { site: "b" } }, noPrecondition);
      const page = await app.hub.changes.read(owner, 0, 100, "tags.site = 'b'");
      expect(page.changes.map(({ body }) => body["deviceId"])).toEqual(["d2", "d2"]);
      expect(await refusalOf(app.hub.changes.read(owner, 0, 100, "tags.site ="))).toBe(
        "400004 ArgumentInvalid",
      );
    });
  });
});
