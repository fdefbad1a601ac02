import { argumentInvalid } from "../errors.ts";
import type { EventMessage } from "../messages/telemetry.ts";
import { compileCondition } from "./condition.ts";
import { errorText } from "./route-error.ts";

/** Where messages come from that routes choose among (spec/semantics §11.1). */
export const routeSources = [
  "DeviceMessages",
  "TwinChangeEvents",
  "DeviceLifecycleEvents",
  "DeviceConnectionStateEvents",
  "DeviceJobLifecycleEvents",
] as const;

export type RouteSource = (typeof routeSources)[number];

/** Sends the messages of a source that its condition matches to endpoints. */
export interface Route {
  readonly name: string;
  readonly source: RouteSource;
  /** In the language of spec/semantics §11.2; empty for every message. */
  readonly condition: string;
  /** At least one; `events` is the built-in endpoint. */
  readonly endpointNames: readonly string[];
  readonly isEnabled: boolean;
}

/** The endpoint that every hub has: its event log. */
export const builtInEndpoint = "events";

/** The route for telemetry that no other route matched. */
export const fallbackRouteName = "$fallback";

/** The name that `iothub-message-source` has in a message, as a route's source. */
export const sourceOf: Record<EventMessage["source"], RouteSource> = {
  Telemetry: "DeviceMessages",
  twinChangeEvents: "TwinChangeEvents",
  deviceLifecycleEvents: "DeviceLifecycleEvents",
  deviceConnectionStateEvents: "DeviceConnectionStateEvents",
  deviceJobLifecycleEvents: "DeviceJobLifecycleEvents",
};

const namePattern = /^[A-Za-z0-9._-]{1,64}$/;

/** Refuses a name of a route or endpoint outside 1–64 letters, digits and `. _ -`. */
export function checkRoutingName(what: string, name: string): void {
  if (namePattern.test(name)) return;
  throw argumentInvalid(`The name of ${what} must be 1 to 64 letters, digits and . _ -`);
}

/** Refuses, with ArgumentInvalid, a route whose name or condition is not valid, or that names no endpoint or an unknown one. */
export function checkRoute(route: Route, endpoints: ReadonlySet<string>): void {
  checkRoutingName("a route", route.name);
  checkEndpointNames(`Route ${route.name}`, route.endpointNames, endpoints);
  const compiled = compileCondition(route.condition, route.source);
  if (compiled.kind === "compiled") return;
  const reasons = compiled.errors.map(errorText).join(", and at ");
  throw argumentInvalid(`The condition of route ${route.name} does not compile, at ${reasons}`);
}

export function checkEndpointNames(
  what: string,
  names: readonly string[],
  endpoints: ReadonlySet<string>,
): void {
  if (names.length === 0) throw argumentInvalid(`${what} names no endpoint`);
  if (new Set(names).size !== names.length)
    throw argumentInvalid(`${what} names an endpoint twice`);
  const unknown = names.find((name) => name !== builtInEndpoint && !endpoints.has(name));
  if (unknown === undefined) return;
  throw argumentInvalid(
    `${what} names the endpoint '${unknown.slice(0, 64).replaceAll(";", " ")}', which does not exist`,
  );
}
