import type { JsonObject } from "../../domain/json.ts";
import type { ResultType } from "../../domain/query/project.ts";

/** One page of an answer. Its rows are texts: most go to a client as they came from the store, and nobody reads them. */
export class QueryPage {
  readonly type: ResultType;
  /** One JSON object each. */
  readonly texts: readonly string[];
  /** Leads to the next page; null on the last one. */
  readonly continuation: string | null;

  constructor(type: ResultType, texts: readonly string[], continuation: string | null) {
    this.type = type;
    this.texts = texts;
    this.continuation = continuation;
  }

  /** The rows, read anew by each call. */
  get items(): readonly JsonObject[] {
    return this.texts.map((text) => JSON.parse(text) as JsonObject);
  }
}
