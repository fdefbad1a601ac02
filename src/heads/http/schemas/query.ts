import { z } from "zod";
import { optionalText } from "./shared.ts";

/** The body of a query; what else it holds is ignored. */
export const queryInput = z.object({ query: optionalText });

export const queryHeaders = z.object({
  "x-ms-max-item-count": z.string().optional().describe("Rows of a page: 100, at most 1000"),
  "x-ms-continuation": z.string().optional().describe("As the page before gave it"),
});

export const queryAnswer = z
  .array(z.record(z.string(), z.unknown()))
  .describe("x-ms-item-type says what the rows are, x-ms-continuation leads to the next page");

export const changesQuery = z.object({
  after: optionalText.describe("A sequence number: what came later; `latest` for new changes only"),
  limit: optionalText.describe("Changes of a page, 1 to 1000; 100"),
  where: optionalText.describe("The condition of a twin query, for example `tags.site = 'a'`"),
});

export const changesAnswer = z.object({
  changes: z.array(z.record(z.string(), z.unknown())),
  last: z.number().describe("Where the next page begins"),
});

export const liveQuery = z.object({ query: optionalText });

export const indexInput = z.object({
  path: z.string().describe("As in a query, for example `properties.reported.firmware`"),
});

export const indexAnswer = z.object({
  path: z.string(),
  createdTime: z.string(),
  isUsed: z.boolean().describe("False on a store that needs no index"),
});
