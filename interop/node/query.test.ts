import { beforeAll, describe, expect, it } from "vitest";
import { hubOfFile } from "./hub.ts";
import { registryOf } from "./support.ts";

const hub = await hubOfFile();
const count = 7;

beforeAll(async () => {
  const registry = registryOf(hub);
  for (let n = 0; n < count; n++) {
    await registry.create({ deviceId: `d${n}` });
    await registry.addModule({ deviceId: `d${n}`, moduleId: "m" });
    const tags = { n, site: n % 2 === 0 ? "even" : "odd" };
    await registry.updateTwin(`d${n}`, { tags }, "*");
    await registry.updateModuleTwin(`d${n}`, "m", { tags }, "*");
  }
});

const sources = [
  { kind: "device", source: "devices", moduleId: undefined },
  { kind: "module", source: "devices.modules", moduleId: "m" },
];

describe.each(sources)("Registry.createQuery of azure-iothub over $kind twins", (of) => {
  const { source, moduleId } = of;

  it("gives twins that can be changed", async () => {
    const query = registryOf(hub).createQuery(`SELECT * FROM ${source} WHERE tags.n = 3`);
    const { result: twins } = await query.nextAsTwin();
    expect(query.hasMoreResults).toBe(false);
    expect(twins).toHaveLength(1);
    const [twin] = twins;
    expect(twin).toMatchObject({ deviceId: "d3", tags: { n: 3, site: "odd" } });
    expect(twin?.moduleId).toBe(moduleId);
    await twin?.update({ tags: { seen: true } });
    const again = registryOf(hub).createQuery(`SELECT * FROM ${source} WHERE tags.seen = true`);
    expect((await again.nextAsTwin()).result.map(({ deviceId }) => deviceId)).toEqual(["d3"]);
  });

  it("goes from page to page while there are more results", async () => {
    const query = registryOf(hub).createQuery(`SELECT * FROM ${source}`, 3);
    const pages: number[] = [];
    const found: string[] = [];
    while (query.hasMoreResults) {
      const { result } = await query.nextAsTwin();
      pages.push(result.length);
      found.push(...result.map(({ deviceId }) => deviceId));
    }
    expect(pages).toEqual([3, 3, 1]);
    expect(found).toEqual(Array.from({ length: count }, (_, n) => `d${n}`));
  });

  it("gives columns and counts as they are", async () => {
    const registry = registryOf(hub);
    const columns = registry.createQuery(
      `SELECT deviceId, tags.n AS number FROM ${source} WHERE tags.n > 4`,
    );
    expect((await columns.next()).result).toEqual([
      { deviceId: "d5", number: 5 },
      { deviceId: "d6", number: 6 },
    ]);
    const groups = registry.createQuery(
      `SELECT tags.site, COUNT() AS n FROM ${source} GROUP BY tags.site ORDER BY tags.site`,
    );
    expect((await groups.next()).result).toEqual([
      { site: "even", n: 4 },
      { site: "odd", n: 3 },
    ]);
  });

  it("reports a query that is none as ArgumentError", async () => {
    const query = registryOf(hub).createQuery(`SELECT * FROM ${source} WHERE tags.n =`);
    await expect(query.next()).rejects.toMatchObject({ name: "ArgumentError" });
  });
});
