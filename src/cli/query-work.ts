import type { Json, JsonObject } from "../domain/json.ts";
import { CliError } from "./cli-error.ts";
import type { HubClient } from "./client.ts";
import type { GivenOptions } from "./options.ts";

/** Rows of a page, the most that a hub gives. */
const pageSize = 1000;

/** Longest wait for a page, in milliseconds: a hub takes a minute at the most. */
const pageTimeout = 70_000;

/** All rows of a query, or the first `top`, page by page (spec/rest §8.7). */
export async function queryRows(
  hub: HubClient,
  query: string,
  top = Number.POSITIVE_INFINITY,
): Promise<readonly Json[]> {
  const rows: Json[] = [];
  let continuation: string | undefined;
  do {
    const { headers, bytes } = await hub.raw("POST", "/devices/query", {
      body: { query },
      headers: {
        "x-ms-max-item-count": String(Math.min(pageSize, top - rows.length)),
        ...(continuation === undefined ? {} : { "x-ms-continuation": continuation }),
      },
      timeout: pageTimeout,
    });
    const page: unknown = JSON.parse(bytes.toString("utf8"));
    if (!Array.isArray(page)) throw new CliError("The hub's answer to a query is not a list");
    // One by one: so many arguments of `push` would not fit the stack.
    for (const row of page as readonly JsonObject[]) rows.push(row);
    const next = headers["x-ms-continuation"];
    continuation = typeof next === "string" && next !== "" ? next : undefined;
  } while (continuation !== undefined && rows.length < top);
  return rows.slice(0, top);
}

/** `--top`; all if missing. */
export function topOf(options: GivenOptions): number | undefined {
  return options.integer("top", 1, 9_999_999_999);
}

/** A text as a literal of the query language. */
export function literal(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
