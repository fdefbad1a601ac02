import { compileCondition, type Condition } from "./condition.ts";
import type { Endpoint } from "./endpoint.ts";
import { type Enrichment, type Stamp, compileEnrichment } from "./enrich.ts";
import type { MessageView } from "./message-view.ts";
import type { RouteError } from "./route-error.ts";
import { type Route, type RouteSource, builtInEndpoint, routeSources, sourceOf } from "./route.ts";

/** What a hub's owner has set. */
export interface RoutingSettings {
  readonly routes: readonly Route[];
  readonly endpoints: readonly Endpoint[];
  readonly enrichments: readonly Enrichment[];
  /** Telemetry that no route matched goes to the built-in endpoint. */
  readonly isFallbackEnabled: boolean;
}

export const defaultRoutingSettings: RoutingSettings = {
  routes: [],
  endpoints: [],
  enrichments: [],
  isFallbackEnabled: true,
};

interface CompiledRoute {
  readonly route: Route;
  readonly condition: Condition;
}

/** The settings, made ready for messages. */
export interface Routing {
  readonly settings: RoutingSettings;
  /** Telemetry goes to the event log as it is: there is nothing to look at. */
  readonly isStraight: boolean;
  /** The enabled routes of each source. */
  readonly routes: Readonly<Record<RouteSource, readonly CompiledRoute[]>>;
  readonly stamps: readonly Stamp[];
  /** Sources whose routing reads twins. */
  readonly needsTwin: ReadonlySet<RouteSource>;
  /** Routes that are enabled and do not compile: they match nothing. */
  readonly broken: readonly { readonly route: Route; readonly errors: readonly RouteError[] }[];
}

export function compileRouting(settings: RoutingSettings): Routing {
  const compiled: CompiledRoute[] = [];
  const broken: { route: Route; errors: readonly RouteError[] }[] = [];
  for (const route of settings.routes.filter(({ isEnabled }) => isEnabled)) {
    const result = compileCondition(route.condition, route.source);
    if (result.kind === "compiled") compiled.push({ route, condition: result.condition });
    else broken.push({ route, errors: result.errors });
  }
  const of = (source: RouteSource): readonly CompiledRoute[] =>
    compiled.filter(({ route }) => route.source === source);
  const routes: Routing["routes"] = {
    DeviceMessages: of("DeviceMessages"),
    TwinChangeEvents: of("TwinChangeEvents"),
    DeviceLifecycleEvents: of("DeviceLifecycleEvents"),
    DeviceConnectionStateEvents: of("DeviceConnectionStateEvents"),
    DeviceJobLifecycleEvents: of("DeviceJobLifecycleEvents"),
  };
  const stamps = settings.enrichments.map(compileEnrichment);
  const stampsReadTwin = stamps.some(({ needsTwin }) => needsTwin);
  return {
    settings,
    isStraight:
      routes.DeviceMessages.length === 0 &&
      settings.isFallbackEnabled &&
      stamps.every(({ endpointNames }) => !endpointNames.has(builtInEndpoint)),
    routes,
    stamps,
    needsTwin: new Set(
      routeSources.filter(
        (source) => stampsReadTwin || routes[source].some(({ condition }) => condition.needsTwin),
      ),
    ),
    broken,
  };
}

/** True if some enabled route takes events of the hub itself: any source but telemetry. */
export function routesHubEvents(settings: RoutingSettings): boolean {
  return settings.routes.some(({ isEnabled, source }) => isEnabled && source !== "DeviceMessages");
}

/** The enabled routes of a source that match a message. */
export function matchingRoutes(
  routing: Routing,
  view: MessageView,
  source: RouteSource,
): readonly Route[] {
  return routing.routes[source]
    .filter(({ condition }) => condition.evaluate(view) === true)
    .map(({ route }) => route);
}

/**
 * The endpoints that a message goes to, each once: those of all matching routes of its source, and the built-in one for
 * telemetry that matched nothing, if the fallback route is enabled (spec/semantics §11.1).
 */
export function endpointsFor(routing: Routing, view: MessageView): ReadonlySet<string> {
  const source = sourceOf[view.message.source];
  const matching = matchingRoutes(routing, view, source);
  const isFallback =
    matching.length === 0 && source === "DeviceMessages" && routing.settings.isFallbackEnabled;
  return new Set(
    isFallback ? [builtInEndpoint] : matching.flatMap(({ endpointNames }) => endpointNames),
  );
}
