import { describe, expect, it } from "vitest";
import type { ConnectionChanged, HubEvent, TwinChanged } from "../events/hub-event.ts";
import { HubError } from "../errors.ts";
import type { IdentityKey } from "../identity/key.ts";
import type { EventMessage } from "../messages/telemetry.ts";
import { newTwin } from "../twin/twin.ts";
import { type WebhookEndpoint, checkEndpoint, webhookDefaults } from "./endpoint.ts";
import { checkEnrichment, enrich } from "./enrich.ts";
import { hubMessage } from "./hub-messages.ts";
import { MessageView } from "./message-view.ts";
import { type Route, checkRoute } from "./route.ts";
import {
  type RoutingSettings,
  compileRouting,
  defaultRoutingSettings,
  endpointsFor,
  routesHubEvents,
} from "./routing.ts";

const device: IdentityKey = { deviceId: "d1" };
const module: IdentityKey = { deviceId: "d1", moduleId: "m1" };

const route = (change: Partial<Route> = {}): Route => ({
  name: "r1",
  source: "DeviceMessages",
  condition: "",
  endpointNames: ["hook"],
  isEnabled: true,
  ...change,
});

const message = (change: Partial<EventMessage> = {}): EventMessage => ({
  key: device,
  body: Buffer.from("{}"),
  system: {},
  application: [["LEVEL", "high"]],
  source: "Telemetry",
  enqueuedTime: 0,
  generationId: "1",
  authMethod: "",
  modelId: "",
  ...change,
});

const routing = (change: Partial<RoutingSettings>) =>
  compileRouting({ ...defaultRoutingSettings, ...change });

const goesTo = (settings: Partial<RoutingSettings>, change: Partial<EventMessage> = {}) => [
  ...endpointsFor(routing(settings), new MessageView(message(change), undefined)),
];

const known = new Set(["hook", "other"]);

function refusal(work: () => void): string {
  try {
    work();
  } catch (error) {
    if (error instanceof HubError) return `${error.name}: ${error.message}`;
    throw error;
  }
  return "none";
}

describe.each([
  ["a device", device],
  ["a module", module],
])("a message of %s", (_whose, key) => {
  it("goes where a route's condition matches, names without case (RT01)", () => {
    const routes = [route({ condition: "level = 'high'" })];
    expect(goesTo({ routes }, { key })).toEqual(["hook"]);
  });

  it("matches no condition over a property that it does not have (RT04)", () => {
    const routes = [route({ condition: "missing != '4'" })];
    expect(goesTo({ routes }, { key })).toEqual(["events"]);
  });

  it("goes once to an endpoint that two matching routes name (RT05)", () => {
    const routes = [route(), route({ name: "r2", endpointNames: ["other", "hook"] })];
    expect(goesTo({ routes }, { key })).toEqual(["hook", "other"]);
  });

  it("goes to the built-in endpoint if nothing matched and the fallback is on, nowhere if it is off (RT06)", () => {
    const routes = [route({ condition: "level = 'low'" })];
    expect(goesTo({ routes }, { key })).toEqual(["events"]);
    expect(goesTo({ routes, isFallbackEnabled: false }, { key })).toEqual([]);
    expect(goesTo({ isFallbackEnabled: false }, { key })).toEqual([]);
    expect(goesTo({}, { key })).toEqual(["events"]);
  });

  it("skips routes that are disabled or of another source", () => {
    const routes = [
      route({ isEnabled: false }),
      route({ name: "r2", source: "TwinChangeEvents", endpointNames: ["other"] }),
    ];
    expect(goesTo({ routes }, { key })).toEqual(["events"]);
  });
});

describe("an event of the hub itself", () => {
  it("goes nowhere without a route of its source: the fallback is for telemetry", () => {
    expect(goesTo({}, { source: "twinChangeEvents" })).toEqual([]);
    const routes = [route({ source: "TwinChangeEvents", endpointNames: ["events"] })];
    expect(goesTo({ routes }, { source: "twinChangeEvents" })).toEqual(["events"]);
    expect(goesTo({ routes }, { source: "deviceLifecycleEvents" })).toEqual([]);
  });
});

describe("the routing of a hub", () => {
  it("is straight while only the fallback route decides", () => {
    expect(routing({}).isStraight).toBe(true);
    expect(routing({ isFallbackEnabled: false }).isStraight).toBe(false);
    expect(routing({ routes: [route()] }).isStraight).toBe(false);
    expect(routing({ routes: [route({ isEnabled: false })] }).isStraight).toBe(true);
    expect(routing({ routes: [route({ source: "TwinChangeEvents" })] }).isStraight).toBe(true);
    const stamp = (endpoint: string) => ({ key: "k", value: "v", endpointNames: [endpoint] });
    expect(routing({ enrichments: [stamp("hook")] }).isStraight).toBe(true);
    expect(routing({ enrichments: [stamp("events")] }).isStraight).toBe(false);
  });

  it("knows which sources read twins", () => {
    const routes = [route({ condition: "$twin.tags.a = 1" })];
    expect([...routing({ routes }).needsTwin]).toEqual(["DeviceMessages"]);
    const enrichments = [{ key: "k", value: "$twin.tags.a", endpointNames: ["hook"] }];
    expect(routing({ enrichments }).needsTwin.size).toBe(5);
  });

  it("knows whether any enabled route takes the hub's own events", () => {
    const settings = (change: Partial<Route>) => ({
      ...defaultRoutingSettings,
      routes: [route(change)],
    });
    expect(routesHubEvents(settings({}))).toBe(false);
    expect(routesHubEvents(settings({ source: "DeviceLifecycleEvents" }))).toBe(true);
    expect(routesHubEvents(settings({ source: "DeviceLifecycleEvents", isEnabled: false }))).toBe(
      false,
    );
  });

  it("tells of stored routes that do not compile, and leaves them out", () => {
    const found = routing({ routes: [route({ condition: "level = 3" })] });
    expect(found.broken).toMatchObject([{ route: { name: "r1" } }]);
    expect(found.routes.DeviceMessages).toEqual([]);
  });
});

describe("a route", () => {
  it("is refused if its condition does not compile (RT02)", () => {
    expect(refusal(() => checkRoute(route({ condition: "level = 3" }), known))).toBe(
      "ArgumentInvalid: The condition of route r1 does not compile, at line 1, column 7: '=' does not take a string and a number",
    );
    expect(refusal(() => checkRoute(route({ condition: "level = '3'" }), known))).toBe("none");
  });

  it("is refused with a name that is none, and without endpoints that exist", () => {
    for (const name of ["", "$fallback", "a b", "a".repeat(65)])
      expect(refusal(() => checkRoute(route({ name }), known))).toMatch(/^ArgumentInvalid/);
    for (const endpointNames of [[], ["nobody"], ["hook", "hook"]])
      expect(refusal(() => checkRoute(route({ endpointNames }), known))).toMatch(
        /^ArgumentInvalid/,
      );
    expect(refusal(() => checkRoute(route({ endpointNames: ["events", "hook"] }), known))).toBe(
      "none",
    );
  });
});

describe("an endpoint", () => {
  const endpoint = (change: Partial<WebhookEndpoint> = {}): WebhookEndpoint => ({
    name: "hook",
    type: "webhook",
    url: "https://example.com/in?x=1",
    ...webhookDefaults,
    ...change,
  });
  const judged = (change: Partial<WebhookEndpoint>) =>
    refusal(() => checkEndpoint(endpoint(change)));

  it("takes https anywhere and http on this machine only", () => {
    expect(judged({})).toBe("none");
    for (const url of ["http://127.0.0.1:80/", "http://localhost:3000/x", "http://[::1]/"])
      expect(judged({ url })).toBe("none");
    for (const url of ["http://example.com/", "http://127.0.0.1.example.com/", "ftp://a/", "x", ""])
      expect(judged({ url })).toMatch(/^ArgumentInvalid/);
    for (const url of ["https://user:pass@example.com/", "https://example.com/#a"])
      expect(judged({ url })).toMatch(/^ArgumentInvalid/);
  });

  it("has no name of the hub's own endpoints, and numbers within their limits", () => {
    for (const name of ["events", "fileNotifications", "$default", ""])
      expect(judged({ name })).toMatch(/^ArgumentInvalid/);
    expect(judged({ timeoutSeconds: 0 })).toMatch(/timeoutSeconds.* 1 to 60/);
    expect(judged({ maxDeliveryCount: 101 })).toMatch(/maxDeliveryCount.* 1 to 100/);
    expect(judged({ maxBatchSize: 1.5 })).toMatch(/maxBatchSize/);
    expect(judged({ secret: "" })).toMatch(/secret/);
  });
});

describe("an enrichment", () => {
  const twin = {
    ...newTwin(0),
    tags: { site: { floor: 3 }, place: "north" },
    reported: { value: { on: true }, metadata: { t: 0 }, version: 2 },
  };
  const stamped = (value: string, known = true, application: EventMessage["application"] = []) => {
    const { stamps } = routing({ enrichments: [{ key: "k", value, endpointNames: ["hook"] }] });
    const view = new MessageView(message({ application }), known ? twin : undefined);
    return enrich(view, stamps, "hook", "hub1").application;
  };

  it("stamps a constant, the hub's name, or what stands in the twin, as text", () => {
    expect(stamped("text")).toEqual([["k", "text"]]);
    expect(stamped("$iothubname")).toEqual([["k", "hub1"]]);
    expect(stamped("$twin.tags.place")).toEqual([["k", "north"]]);
    expect(stamped("$twin.tags.site.floor")).toEqual([["k", "3"]]);
    expect(stamped("$twin.tags.site")).toEqual([["k", '{"floor":3}']]);
    expect(stamped("$twin.properties.reported.on")).toEqual([["k", "true"]]);
  });

  it("stamps its own text if the path leads nowhere (RT07)", () => {
    expect(stamped("$twin.tags.nope")).toEqual([["k", "$twin.tags.nope"]]);
    expect(stamped("$twin.tags.place", false)).toEqual([["k", "$twin.tags.place"]]);
    expect(stamped("$twin.deviceId")).toEqual([["k", "$twin.deviceId"]]);
  });

  it("takes the place of the sender's own property of that name, and leaves others", () => {
    expect(
      stamped("v", true, [
        ["K", "forged"],
        ["a", null],
      ]),
    ).toEqual([
      ["a", null],
      ["k", "v"],
    ]);
  });

  it("does nothing for other endpoints", () => {
    const { stamps } = routing({
      enrichments: [{ key: "k", value: "v", endpointNames: ["other"] }],
    });
    const view = new MessageView(message(), undefined);
    expect(enrich(view, stamps, "hook", "hub1")).toBe(view.message);
  });

  it("is refused with a key that is none, an empty or long value, or unknown endpoints", () => {
    const good = { key: "a.b_c-1", value: "v", endpointNames: ["events"] };
    const judged = (change: object) =>
      refusal(() => checkEnrichment({ ...good, ...change }, known));
    expect(judged({})).toBe("none");
    for (const change of [
      { key: "a b" },
      { key: "" },
      { value: "" },
      { value: "v".repeat(1_025) },
      { endpointNames: [] },
      { endpointNames: ["nobody"] },
    ])
      expect(judged(change)).toMatch(/^ArgumentInvalid/);
  });
});

describe.each([
  ["a device", device],
  ["a module", module],
])("the message about an event of %s", (_whose, key) => {
  const at = Date.UTC(2026, 4, 1);
  const told = (event: HubEvent, sequence = 26) => {
    const found = hubMessage(event, sequence, "hub1", at + 5);
    if (found === undefined) throw new Error("no message");
    return found;
  };
  const properties = (found: EventMessage) => Object.fromEntries(found.application);
  const ids = key.moduleId === undefined ? { deviceId: "d1" } : { deviceId: "d1", moduleId: "m1" };
  const changed: TwinChanged = {
    type: "twinChanged",
    key,
    at,
    opType: "updateTwin",
    etagCounter: 1,
    version: 7,
    reported: { change: { a: 1, gone: null }, version: 6 },
  };
  const connected: ConnectionChanged = {
    type: "connectionChanged",
    key,
    at,
    connected: true,
    protocol: "mqtt",
  };

  it("tells a twin's change with its sections and metadata (spec/semantics §5.1)", () => {
    const found = told(changed);
    expect(found).toMatchObject({
      key,
      source: "twinChangeEvents",
      enqueuedTime: at + 5,
      system: {
        contentType: "application/json",
        contentEncoding: "utf-8",
        userId: "hub1",
        correlationId: "00000000001a",
      },
    });
    expect(properties(found)).toEqual({
      hubName: "hub1",
      ...ids,
      opType: "updateTwin",
      "iothub-message-schema": "twinChangeNotification",
      operationTimestamp: "2026-05-01T00:00:00.0000000Z",
    });
    expect(JSON.parse(Buffer.from(found.body).toString())).toMatchObject({
      version: 7,
      properties: { reported: { a: 1, gone: null, $version: 6 } },
    });
  });

  it("tells of its making and its end with the names of devices (spec/semantics §5.2)", () => {
    for (const [type, opType] of [
      ["identityCreated", "createDeviceIdentity"],
      ["identityDeleted", "deleteDeviceIdentity"],
    ] as const) {
      const found = told({ type, key, at, generationId: "1" });
      expect(found.source).toBe("deviceLifecycleEvents");
      expect(properties(found)).toMatchObject({
        ...ids,
        opType,
        "iothub-message-schema": "deviceLifecycleNotification",
      });
      expect(JSON.parse(Buffer.from(found.body).toString())).toMatchObject({ ...ids, version: 2 });
    }
  });

  it("numbers connections with 64 hexadecimal digits that rise as text (spec/semantics §5.3)", () => {
    const numberOf = (event: HubEvent, sequence: number) => {
      const found = told(event, sequence);
      const { sequenceNumber } = JSON.parse(Buffer.from(found.body).toString()) as {
        sequenceNumber: string;
      };
      return sequenceNumber;
    };
    expect(numberOf(connected, 26)).toBe(`${"0".repeat(62)}1A`);
    expect(numberOf(connected, 255) < numberOf({ ...connected, connected: false }, 256)).toBe(true);
    expect(properties(told(connected))).toMatchObject({ ...ids, opType: "deviceConnected" });
    expect(properties(told({ ...connected, connected: false }))).toMatchObject({
      opType: "deviceDisconnected",
      "iothub-message-schema": "deviceConnectionStateNotification",
    });
  });

  it("is not made for what is the hub's own business", () => {
    const events: HubEvent[] = [
      { type: "identityUpdated", key, at, credentials: true },
      { type: "messageQueued", key, at },
      { type: "policyChanged", name: "p", at },
      { type: "routingChanged", at },
    ];
    for (const event of events) expect(hubMessage(event, 1, "hub1", at)).toBeUndefined();
  });
});
