import type { JsonObject } from "../lib/json.ts";
import { call } from "./client.ts";

export interface QueryPage {
  readonly items: readonly JsonObject[];
  /** Where the next page begins; `null` after the last one. */
  readonly continuation: string | null;
  /** `twin`, `raw` … */
  readonly itemType: string;
}

/** One page of a query over twins (spec/rest §8.7). */
export async function runQuery(
  query: string,
  options: { readonly continuation?: string | null; readonly top?: number; signal?: AbortSignal },
): Promise<QueryPage> {
  const { continuation, top = 100, signal } = options;
  const { body, headers } = await call<readonly JsonObject[]>("POST", "/devices/query", {
    body: { query },
    signal,
    headers: {
      "x-ms-max-item-count": String(top),
      ...(continuation ? { "x-ms-continuation": continuation } : {}),
    },
  });
  return {
    items: body,
    continuation: headers.get("x-ms-continuation"),
    itemType: headers.get("x-ms-item-type") ?? "raw",
  };
}
