import { argumentInvalid } from "../errors.ts";
import type { EventMessage } from "../messages/telemetry.ts";
import { maxEnrichmentValue } from "./limits.ts";
import type { MessageView } from "./message-view.ts";
import { type PathStep, parsePath, valueAt } from "./path.ts";
import { checkEndpointNames } from "./route.ts";
import { missing } from "./values.ts";

/** Stamps an application property on messages to some endpoints (spec/semantics §11.3). */
export interface Enrichment {
  readonly key: string;
  /** Text as it stands, `$iothubname`, or a path below `$twin.tags`, `$twin.properties.desired` or `.reported`. */
  readonly value: string;
  readonly endpointNames: readonly string[];
}

/** Refuses, with ArgumentInvalid, a key outside 1–64 letters, digits and `_ . -`, a value that is empty or too long, and unknown endpoints. */
export function checkEnrichment(enrichment: Enrichment, endpoints: ReadonlySet<string>): void {
  const { key, value, endpointNames } = enrichment;
  if (!/^[A-Za-z0-9_.-]{1,64}$/.test(key))
    throw argumentInvalid("The key of an enrichment must be 1 to 64 letters, digits and _ . -");
  if (value === "" || value.length > maxEnrichmentValue)
    throw argumentInvalid(
      `The value of enrichment ${key} must have 1 to ${maxEnrichmentValue} characters`,
    );
  checkEndpointNames(`Enrichment ${key}`, endpointNames, endpoints);
}

/** An enrichment whose value has been read. */
export interface Stamp {
  readonly key: string;
  readonly endpointNames: ReadonlySet<string>;
  readonly needsTwin: boolean;
  readonly valueFor: (view: MessageView, hubName: string) => string;
}

export function compileEnrichment({ key, value, endpointNames }: Enrichment): Stamp {
  const names = new Set(endpointNames);
  if (value === "$iothubname")
    return {
      key,
      endpointNames: names,
      needsTwin: false,
      valueFor: (_view, hubName) => hubName,
    };
  const steps = twinPath(value);
  return {
    key,
    endpointNames: names,
    needsTwin: steps !== undefined,
    valueFor: steps === undefined ? () => value : (view) => twinText(view, steps) ?? value,
  };
}

function twinPath(value: string): readonly PathStep[] | undefined {
  if (!/^\$twin\.(?:tags|properties\.(?:desired|reported))(?:$|[.[])/.test(value)) return undefined;
  return parsePath(value.slice("$twin.".length));
}

/** A twin's value as text, objects and arrays as JSON; undefined if the path does not exist. */
function twinText(view: MessageView, steps: readonly PathStep[]): string | undefined {
  const document = view.twinDocument();
  const value = document === undefined ? missing : valueAt(document, steps, true);
  if (value === undefined || typeof value === "symbol") return undefined;
  return typeof value === "string" ? value : JSON.stringify(value);
}

/**
 * The message for an endpoint with its enrichments as application properties. A stamp takes the place of the sender's own
 * property of that name, so that no sender can forge it.
 */
export function enrich(
  view: MessageView,
  stamps: readonly Stamp[],
  endpoint: string,
  hubName: string,
): EventMessage {
  const mine = stamps.filter(({ endpointNames }) => endpointNames.has(endpoint));
  if (mine.length === 0) return view.message;
  const stamped = new Set(mine.map(({ key }) => key.toLowerCase()));
  const kept = view.message.application.filter(([name]) => !stamped.has(name.toLowerCase()));
  const added = mine.map(({ key, valueFor }) => [key, valueFor(view, hubName)] as const);
  return { ...view.message, application: [...kept, ...added] };
}
