import { monitorEventLoopDelay } from "node:perf_hooks";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { noPrecondition } from "../../src/domain/identity/etag.ts";
import type { IdentityKey } from "../../src/domain/identity/key.ts";
import { newTwin } from "../../src/domain/twin/twin.ts";
import { device, module } from "../../src/stores/conformance/samples.ts";
import { AppHub, owner, refusalOf, storeKinds } from "../support/app-hub.ts";

const count = 2_000;
const kinds = [
  { what: "devices", source: "devices", key: (n: number): IdentityKey => ({ deviceId: `d${n}` }) },
  {
    what: "modules",
    source: "devices.modules",
    key: (n: number): IdentityKey => ({ deviceId: `d${n}`, moduleId: "m" }),
  },
];

let app: AppHub;
afterEach(() => app.stop());

async function fill(): Promise<void> {
  for (let at = 0; at < count; at += 500) {
    await app.store.transaction(null, (tx) => {
      for (let n = at; n < at + 500; n++) {
        const deviceId = `d${n}`;
        for (const key of [{ deviceId }, { deviceId, moduleId: "m" }]) {
          tx.putIdentity("moduleId" in key ? module(deviceId, "m") : device(deviceId));
          tx.putTwin(key, { ...newTwin(0), tags: { n, text: "x".repeat(500) } });
        }
      }
    });
  }
}

/** Long, none of it decided early, and never true. */
const parts = Array.from({ length: 60 }, (_, n) => `CONTAINS(tags.text, 'y${n}')`);
const pathological = `(${parts.join(" OR ")})`;

describe.each(storeKinds)("beside queries that take long, on the %s store", (store) => {
  beforeEach(async () => {
    app = await AppHub.start(store);
    await fill();
  });

  it.each(kinds)(
    "twins of $what are written, and the event loop turns",
    async ({ source, key }) => {
      const delay = monitorEventLoopDelay({ resolution: 1 });
      delay.enable();
      const running = new Set([0, 1, 2, 3, 4, 5]);
      const queries = [...running].map((n) =>
        app.hub.queries
          .run(owner, `SELECT * FROM ${source} WHERE ${pathological} AND tags.n != ${n}`, {})
          .finally(() => running.delete(n)),
      );
      let written = 0;
      while (running.size > 0 || written === 0) {
        await app.hub.twins.patch(
          owner,
          key(written % count),
          { tags: { written } },
          noPrecondition,
        );
        written++;
      }
      const answers = await Promise.all(queries);
      delay.disable();
      expect(answers.map(({ items }) => items.length)).toEqual(answers.map(() => 0));
      expect(written).toBeGreaterThan(20);
      // Wide, since the machine may have other things to do; held up by a whole query it would be seconds.
      expect(delay.percentile(99) / 1e6).toBeLessThan(500);
    },
    120_000,
  );

  it("a query that takes a minute by the hub's clock is given up", async () => {
    const query = `SELECT COUNT() AS n FROM devices WHERE ENDSWITH(tags.text, 'xy')`;
    const asked = app.hub.queries.run(owner, query, {});
    app.clock.advance(60_001);
    expect(await refusalOf(asked)).toBe("500008 GenericTimeout");
    expect((await app.hub.queries.run(owner, query, {})).items).toEqual([{ n: 0 }]);
  });

  it("what waits for its turn is bounded", async () => {
    const query = `SELECT * FROM devices WHERE deviceId = 'd1'`;
    const asked = Array.from({ length: 300 }, () => app.hub.queries.run(owner, query, {}));
    const outcomes = await Promise.allSettled(asked);
    const refused = outcomes.filter(({ status }) => status === "rejected");
    expect(refused).toHaveLength(300 - 4 - 256);
    expect(refused[0]).toMatchObject({ reason: { name: "ThrottleBacklogLimitExceeded" } });
  });
});
