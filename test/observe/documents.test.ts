import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestHub, startHub } from "../../src/testing/start-hub.ts";
import { getText, policyToken } from "./story.ts";

const root = join(import.meta.dirname, "..", "..");

let hub: TestHub;
/** Names of metrics, as their TYPE lines have them. */
let served: readonly string[];
beforeAll(async () => {
  hub = await startHub();
  const { text } = await getText(hub, "/metrics", { authorization: policyToken(hub, "service") });
  served = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name = ""]) => name);
});
afterAll(() => hub.stop());

/** `x_bucket`, `x_sum` and `x_count` are series of the histogram `x`. */
function family(name: string): string {
  return served.includes(name) ? name : name.replace(/_(?:bucket|sum|count)$/, "");
}

/** Metrics that only some operating systems have. */
const fromTheSystem = /^process_(?:virtual_memory|heap)_bytes$|^process_(?:open|max)_fds$/;

describe("what is written about metrics", () => {
  it("in the reference is all that there is, and nothing else", async () => {
    const page = await readFile(join(root, "docs", "reference", "metrics.md"), "utf8");
    const rows = page.split("\n").filter((line) => line.startsWith("| `"));
    const written = rows.flatMap((row) =>
      [...(row.split(" | ")[0] ?? "").matchAll(/`((?:twinhub|process|nodejs)_[a-z0-9_]+)`/g)].map(
        ([, name = ""]) => name,
      ),
    );
    expect(new Set(written).size).toBe(written.length);
    const always = (name: string): boolean => !fromTheSystem.test(name);
    expect(written.filter(always).toSorted()).toEqual(served.filter(always).toSorted());
  });

  it.each(["deploy/grafana/twinhub.json", "docs/guides/operations.md"])(
    "in %s names metrics that exist",
    async (file) => {
      const text = await readFile(join(root, file), "utf8");
      const used = new Set(
        [...text.matchAll(/\b((?:twinhub|process|nodejs)_[a-z0-9_]+)\b/g)].map(
          ([, name = ""]) => name,
        ),
      );
      expect(used.size).toBeGreaterThan(10);
      const unknown = [...used].filter((name) => !served.includes(family(name)));
      expect(unknown.filter((name) => !fromTheSystem.test(name))).toEqual([]);
    },
  );

  it("in the dashboard has an expression, a unit and a place of its own for each panel", async () => {
    const text = await readFile(join(root, "deploy", "grafana", "twinhub.json"), "utf8");
    const { panels } = JSON.parse(text) as {
      panels: {
        type: string;
        title: string;
        gridPos: { x: number; y: number; w: number; h: number };
        fieldConfig?: { defaults: { unit: string } };
        targets?: { expr: string }[];
      }[];
    };
    const places = new Set<string>();
    for (const { type, title, gridPos, fieldConfig, targets } of panels) {
      const { x, y, w } = gridPos;
      places.add(`${x} ${y}`);
      expect(x + w, title).toBeLessThanOrEqual(24);
      if (type === "row") continue;
      expect(fieldConfig?.defaults.unit, title).not.toBe("");
      expect(
        targets?.every(({ expr }) => expr.includes("_")),
        title,
      ).toBe(true);
    }
    expect(places.size).toBe(panels.length);
  });
});
