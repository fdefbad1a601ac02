import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Log } from "../../app/ports.ts";
import { findDriver } from "./find-driver.ts";
import { QueryThread } from "./query-thread.ts";

const root = mkdtempSync(path.join(tmpdir(), "query-thread-"));
const file = path.join(root, "some.db");
afterAll(() => rmSync(root, { recursive: true, force: true }));

const log: Log = { debug() {}, info() {}, warn() {}, error() {} };

function thread(): QueryThread {
  const sqlite = findDriver();
  sqlite.open(file).close();
  return new QueryThread({ sqlite, file, log });
}

/** As many rows as `count`, one after the other. */
const numbers = (count: number): string =>
  `WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n LIMIT ${count}) SELECT x FROM n`;

/** One row, from a statement that takes longer to prepare than to run. */
const longToPrepare = (value: number): string =>
  `SELECT ${value} AS x WHERE ${Array.from({ length: 400 }, (_, at) => `${at} <> ${at}`).join(" OR ")}`;

describe("a query thread", () => {
  it("answers statement after statement", async () => {
    const queries = thread();
    const answers = await Promise.all([
      queries.all(numbers(2), []),
      queries.all("SELECT 7 AS x", []),
    ]);
    expect(answers.map(({ rows }) => rows.map((row) => row["x"]))).toEqual([[1, 2], [7]]);
    await queries.close();
  });

  it("closes while it opens, prepares and reads, and the process goes on", async () => {
    for (let round = 0; round < 20; round++) {
      const queries = thread();
      const asked = Array.from({ length: 250 }, (_, at) =>
        queries.all(longToPrepare(at), []).catch((error: unknown) => error),
      );
      // Any moment is right: each round ends in a later one of them.
      await new Promise((resolve) => setTimeout(resolve, 3 * round));
      await queries.close();
      expect(await asked.at(-1)).toMatchObject({ name: "ServiceUnavailable" });
    }
  });

  it("closes within a statement that gives one row at its end", async () => {
    const queries = thread();
    await queries.all("SELECT 1", []);
    const running = queries.all(`SELECT count(*) AS x FROM (${numbers(2_000_000)})`, []);
    const refused = running.catch((error: unknown) => error);
    await queries.close();
    expect(await refused).toMatchObject({ name: "ServiceUnavailable" });
  });

  it("ends when nothing was asked", async () => {
    await expect(thread().close()).resolves.toBeUndefined();
  });
});
