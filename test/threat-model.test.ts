import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";

const root = path.join(import.meta.dirname, "..");
const page = readFileSync(path.join(root, "docs", "explanation", "threat-model.md"), "utf8");

/** Proofs stand as `file.test.ts`: "title". */
const proofs = [...page.matchAll(/`([\w./-]+\.test\.ts)`: "([^"]+)"/g)].map(
  ([, file = "", title = ""]) => [file, title] as const,
);

it("names a proof for each row of its tables of defences", () => {
  const rows = page
    .split("\n")
    .filter((line) => /^\| (?!---|Attacker|Asset|Entry|Who )/.test(line));
  const defences = rows.filter((line) => line.split("|").length === 5 && line.includes("test.ts"));
  expect(proofs.length).toBeGreaterThanOrEqual(defences.length);
  expect(defences.length).toBeGreaterThan(25);
});

it.each(proofs)("is proven by a test that is there: %s has '%s'", (file, title) => {
  const whole = path.join(root, file);
  expect(existsSync(whole)).toBe(true);
  expect(readFileSync(whole, "utf8")).toContain(title);
});
