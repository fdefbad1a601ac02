import { type JsonObject, isObject } from "../../domain/json.ts";
import type { EventMessage, MessageProperties } from "../../domain/messages/telemetry.ts";
import { encodeBody } from "../../domain/routing/body.ts";
import { compileCondition } from "../../domain/routing/condition.ts";
import { MessageView } from "../../domain/routing/message-view.ts";
import type { RouteError } from "../../domain/routing/route-error.ts";
import {
  type Route,
  type RouteSource,
  builtInEndpoint,
  fallbackRouteName,
} from "../../domain/routing/route.ts";
import { matchingRoutes } from "../../domain/routing/routing.ts";
import type { Milliseconds } from "../../domain/time.ts";
import { type Twin, newTwin } from "../../domain/twin/twin.ts";
import type { HubContext } from "../context.ts";
import { type Principal, demand } from "../principal.ts";

/** A message to try routes with; names of system properties as conditions have them, without `$`. */
export interface TestMessage {
  readonly body?: string | undefined;
  readonly appProperties?: Readonly<Record<string, string>> | undefined;
  readonly systemProperties?: Readonly<Record<string, string>> | undefined;
}

/** The sender's twin. */
export interface TestTwin {
  readonly tags?: JsonObject | undefined;
  readonly properties?:
    | { readonly desired?: JsonObject | undefined; readonly reported?: JsonObject | undefined }
    | undefined;
}

/** Azure's answer: a condition that does not compile is false, and its errors are told. */
export interface TestRouteResult {
  readonly result: "true" | "false" | "undefined";
  readonly details: { readonly compilationErrors: readonly RouteError[] };
}

/** Tells whether a route, which need not be stored, matches a message. `isEnabled` plays no part. */
export async function testRoute(
  context: HubContext,
  principal: Principal,
  route: Pick<Route, "source" | "condition">,
  message: TestMessage,
  twin: TestTwin | undefined,
): Promise<TestRouteResult> {
  demand(principal, "ServiceConnect");
  const compiled = compileCondition(route.condition, route.source);
  if (compiled.kind === "invalid")
    return { result: "false", details: { compilationErrors: compiled.errors } };
  const truth = compiled.condition.evaluate(viewOf(message, twin, context.clock.now()));
  const result = truth === true ? "true" : truth === undefined ? "undefined" : "false";
  return { result, details: { compilationErrors: [] } };
}

/** The hub's enabled routes that match a message of a source; the fallback route if it is the one that takes it. */
export async function testAllRoutes(
  context: HubContext,
  principal: Principal,
  source: RouteSource,
  message: TestMessage,
  twin: TestTwin | undefined,
): Promise<readonly Route[]> {
  demand(principal, "ServiceConnect");
  const { routing } = context.router;
  const view = viewOf(message, twin, context.clock.now());
  const matching = matchingRoutes(routing, view, source);
  const { isFallbackEnabled } = routing.settings;
  if (matching.length > 0 || source !== "DeviceMessages" || !isFallbackEnabled) return matching;
  return [
    {
      name: fallbackRouteName,
      source,
      condition: "true",
      endpointNames: [builtInEndpoint],
      isEnabled: true,
    },
  ];
}

function viewOf(message: TestMessage, twin: TestTwin | undefined, now: Milliseconds): MessageView {
  return new MessageView(messageOf(message, now), twin && twinOf(twin));
}

function messageOf(message: TestMessage, now: Milliseconds): EventMessage {
  const { body = "", appProperties = {}, systemProperties = {} } = message;
  const given = new Map(
    Object.entries(systemProperties).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const system: MessageProperties = {
    messageId: given.get("messageid"),
    correlationId: given.get("correlationid"),
    userId: given.get("userid"),
    to: given.get("to"),
    contentType: given.get("contenttype"),
    contentEncoding: given.get("contentencoding"),
    creationTimeUtc: given.get("creationtimeutc"),
    interfaceId: given.get("interfaceid"),
    component: given.get("dt-subject"),
  };
  return {
    key: {
      deviceId: given.get("connectiondeviceid") ?? "",
      moduleId: given.get("connectionmoduleid"),
    },
    body: encodeBody(body, system.contentEncoding),
    system,
    application: Object.entries(appProperties),
    source: "Telemetry",
    enqueuedTime: now,
    generationId: given.get("connectiondevicegenerationid") ?? "",
    authMethod: given.get("connectionauthmethod") ?? "",
    modelId: given.get("dt-dataschema") ?? "",
  };
}

function twinOf({ tags, properties }: TestTwin): Twin {
  const empty = newTwin(0);
  const { desired, reported } = properties ?? {};
  return {
    ...empty,
    tags: tags ?? {},
    desired: { ...empty.desired, value: isObject(desired) ? desired : {} },
    reported: { ...empty.reported, value: isObject(reported) ? reported : {} },
  };
}
