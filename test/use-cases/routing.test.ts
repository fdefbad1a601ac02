import { createHmac } from "node:crypto";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { HubStore, LoggedMessage, WebhookPost } from "../../src/app/ports.ts";
import type { IdentityPrincipal, PolicyPrincipal } from "../../src/app/principal.ts";
import { webhookDefaults } from "../../src/domain/routing/endpoint.ts";
import type { Route } from "../../src/domain/routing/route.ts";
import { anyEtag, noPrecondition } from "../../src/domain/identity/etag.ts";
import type { IdentityKey } from "../../src/domain/identity/key.ts";
import type { JsonObject } from "../../src/domain/json.ts";
import { MovableClock } from "../../src/testing/movable-clock.ts";
import { AppHub, openStore, owner, refusalOf, storeKinds } from "../support/app-hub.ts";

const device: IdentityKey = { deviceId: "d1" };
const module: IdentityKey = { deviceId: "d1", moduleId: "m1" };
const whose = [
  ["a device", device],
  ["a module", module],
] as const;

interface Request {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bodies: readonly string[];
  readonly text: string;
}

/** A webhook's server: remembers what it was sent, and answers as it is told, last answer for ever. */
class Server {
  readonly requests: Request[] = [];
  answers: (number | "hang" | "fail")[] = [200];

  readonly post: WebhookPost = async ({ url, headers, body, signal }) => {
    const text = Buffer.from(body).toString();
    const messages = JSON.parse(text) as { body: unknown }[];
    this.requests.push({ url, headers, text, bodies: messages.map((one) => String(one.body)) });
    const [answer = 200] = this.answers;
    if (this.answers.length > 1) this.answers.shift();
    if (answer === "fail") throw new Error("connect ECONNREFUSED 127.0.0.1:1");
    if (answer !== "hang") return { status: answer };
    return new Promise((_resolve, reject) =>
      signal.addEventListener("abort", () => reject(new Error("aborted"))),
    );
  };

  /** Bodies of the messages of all requests, in order. */
  get bodies(): readonly string[] {
    return this.requests.flatMap(({ bodies }) => bodies);
  }
}

/** Waits of retries are counted in it: they must not pass because the machine is slow. */
const standing = (): MovableClock => new MovableClock(Date.now(), { stands: true });

async function start(server = new Server(), store?: HubStore, clock = standing()) {
  const hub = await AppHub.over(store ?? (await openStore("memory", clock)), clock, {
    post: server.post,
  });
  onTestFinished(() => hub.halt());
  return { hub, server };
}

const put = (hub: AppHub, route: Partial<Route>) =>
  hub.hub.routing.putRoute(
    owner,
    {
      name: "r1",
      source: "DeviceMessages",
      condition: "",
      endpointNames: ["events"],
      isEnabled: true,
      ...route,
    },
    noPrecondition,
  );

const putHook = (hub: AppHub, change: object = {}) =>
  hub.hub.routing.putEndpoint(
    owner,
    {
      name: "hook",
      type: "webhook",
      url: "https://example.com/in",
      ...webhookDefaults,
      ...change,
    },
    noPrecondition,
  );

const idOf = (letter: JsonObject): string => JSON.stringify(letter["id"]).slice(1, -1);

async function sender(hub: AppHub, key: IdentityKey): Promise<IdentityPrincipal> {
  const { primary } = await hub.create(key);
  return hub.prove(key, primary);
}

const send = (hub: AppHub, principal: IdentityPrincipal, body: string, level = "high") =>
  hub.hub.telemetry.send(principal, {
    body: Buffer.from(body),
    system: {},
    application: new Map([["level", level]]),
  });

async function logged(hub: AppHub): Promise<readonly LoggedMessage[]> {
  const partitions = await hub.hub.events.partitions(owner);
  const all = await Promise.all(
    partitions.map(({ partition }) => hub.hub.events.read(owner, partition, 1, 1000)),
  );
  return all.flat();
}

const texts = async (hub: AppHub) =>
  (await logged(hub)).map(({ message }) => Buffer.from(message.body).toString());

/** `opType` and module of the hub's own events in the log. */
const operations = async (hub: AppHub) =>
  (await logged(hub)).map(({ message }) => {
    const properties = Object.fromEntries(message.application);
    return [properties["opType"], message.key.moduleId ?? ""].join(" ").trim();
  });

const hook = async (hub: AppHub) => (await hub.hub.routing.endpoint(owner, "hook")).body;

describe.each(whose)("telemetry of %s", (_whose, key) => {
  it("goes to the event log while there are no routes", async () => {
    const { hub } = await start();
    await send(hub, await sender(hub, key), "1");
    expect(await texts(hub)).toEqual(["1"]);
  });

  it("goes where its routes say, once to each endpoint (RT01, RT05)", async () => {
    const { hub, server } = await start();
    const principal = await sender(hub, key);
    await putHook(hub);
    await put(hub, { condition: "LEVEL = 'high'", endpointNames: ["hook"] });
    await put(hub, { name: "r2", condition: "true", endpointNames: ["hook", "events"] });
    await send(hub, principal, "1");

    expect(await texts(hub)).toEqual(["1"]);
    await vi.waitFor(() => expect(server.bodies).toEqual(["1"]));
  });

  it("goes to the event log if nothing matched and the fallback is on, else it is dropped (RT06)", async () => {
    const { hub } = await start();
    const principal = await sender(hub, key);
    await put(hub, { condition: "level = 'low'" });
    await send(hub, principal, "1");
    await hub.hub.routing.putFallback(owner, false, noPrecondition);
    await send(hub, principal, "2");
    await send(hub, principal, "3", "low");
    await hub.hub.routing.putFallback(owner, true, noPrecondition);
    await send(hub, principal, "4");
    expect(await texts(hub)).toEqual(["1", "3", "4"]);
  });

  it("is asked with the twin of its sender, a module's with the module's", async () => {
    const { hub } = await start();
    const principal = await sender(hub, key);
    await hub.hub.routing.putFallback(owner, false, noPrecondition);
    await put(hub, { condition: "$twin.tags.site = 'north'" });
    await send(hub, principal, "1");
    await hub.hub.twins.patch(owner, key, { tags: { site: "north" } }, noPrecondition);
    await send(hub, principal, "2");
    expect(await texts(hub)).toEqual(["2"]);
  });

  it("carries enrichments to their endpoints, or their own text (RT07)", async () => {
    const { hub } = await start();
    const principal = await sender(hub, key);
    await hub.hub.twins.patch(owner, key, { tags: { site: 7 } }, noPrecondition);
    for (const [name, value] of [
      ["site", "$twin.tags.site"],
      ["nope", "$twin.tags.nope"],
      ["hub", "$iothubname"],
    ] as const) {
      const enrichment = { key: name, value, endpointNames: ["events"] };
      await hub.hub.routing.putEnrichment(owner, enrichment, noPrecondition);
    }
    await send(hub, principal, "1");
    const [first] = await logged(hub);
    expect(Object.fromEntries(first?.message.application ?? [])).toEqual({
      level: "high",
      site: "7",
      nope: "$twin.tags.nope",
      hub: "hub",
    });
  });

  it("is dropped for an endpoint whose enrichments make it too large", async () => {
    const { hub } = await start();
    const principal = await sender(hub, key);
    await send(hub, principal, "x".repeat(262_144 - 9));
    const enrichment = { key: "k", value: "v", endpointNames: ["events"] };
    await hub.hub.routing.putEnrichment(owner, enrichment, noPrecondition);
    await send(hub, principal, "y".repeat(262_144 - 9));
    await send(hub, principal, "z");
    expect((await texts(hub)).map((text) => text[0])).toEqual(["x", "z"]);
  });
});

describe("events of the hub itself", () => {
  it("reach the event log only when a route sends them there", async () => {
    const { hub } = await start();
    await hub.create(module);
    await put(hub, { source: "DeviceLifecycleEvents" });
    await hub.create({ deviceId: "d2", moduleId: "m2" });
    await vi.waitFor(async () =>
      expect(await operations(hub)).toEqual(["createDeviceIdentity", "createDeviceIdentity m2"]),
    );
    await hub.hub.routing.deleteRoute(owner, "r1", anyEtag);
    await hub.create({ deviceId: "d3" });
    await put(hub, { source: "DeviceLifecycleEvents" });
    await hub.hub.identities.delete(owner, { deviceId: "d2", moduleId: "m2" }, noPrecondition);
    await vi.waitFor(async () =>
      expect(await operations(hub)).toEqual([
        "createDeviceIdentity",
        "createDeviceIdentity m2",
        "deleteDeviceIdentity m2",
      ]),
    );
  });

  it.each(whose)("tell every change of the twin of %s, in order", async (_whose, key) => {
    const { hub } = await start();
    const principal = await sender(hub, key);
    await put(hub, { source: "TwinChangeEvents" });
    await hub.hub.twins.updateReported(principal, { a: 1 });
    await hub.hub.twins.patch(owner, key, { properties: { desired: { b: 2 } } }, noPrecondition);
    await hub.hub.twins.replace(owner, key, { tags: { c: 3 } }, noPrecondition);
    await vi.waitFor(async () => expect(await logged(hub)).toHaveLength(3));
    const bodies = (await texts(hub)).map((text) => JSON.parse(text) as object);
    expect(bodies).toMatchObject([
      { version: 3, properties: { reported: { a: 1, $version: 2 } } },
      { version: 4, properties: { desired: { b: 2, $version: 2 } } },
      { ...key, version: 5, tags: { c: 3 } },
    ]);
    const [suffix] = key.moduleId === undefined ? [""] : [" m1"];
    expect(await operations(hub)).toEqual([
      `updateTwin${suffix}`,
      `updateTwin${suffix}`,
      `replaceTwin${suffix}`,
    ]);
  });

  it("choose among twin changes by what they include", async () => {
    const { hub } = await start();
    const principal = await sender(hub, module);
    const condition = "twin_change_includes(properties.reported.fan)";
    await put(hub, { source: "TwinChangeEvents", condition });
    await hub.hub.twins.updateReported(principal, { light: 1 });
    await hub.hub.twins.updateReported(principal, { fan: 1 });
    await vi.waitFor(async () => expect(await logged(hub)).toHaveLength(1));
    expect(JSON.parse((await texts(hub))[0] ?? "")).toMatchObject({ version: 4 });
  });

  it.each(whose)("tell the connections of %s with rising numbers", async (_whose, key) => {
    const { hub } = await start();
    await put(hub, { source: "DeviceConnectionStateEvents" });
    const { primary } = await hub.create(key);
    const { open } = await hub.connect(key, primary);
    open.ended("clientDisconnected");
    await vi.waitFor(async () => expect(await logged(hub)).toHaveLength(2));
    const suffix = key.moduleId === undefined ? "" : " m1";
    expect(await operations(hub)).toEqual([
      `deviceConnected${suffix}`,
      `deviceDisconnected${suffix}`,
    ]);
    const numbers = (await texts(hub)).map(
      (text) => (JSON.parse(text) as { sequenceNumber: string }).sequenceNumber,
    );
    expect(numbers).toEqual([...numbers].sort());
    expect(numbers.every((number) => /^[0-9A-F]{64}$/.test(number))).toBe(true);
  });

  it.each(storeKinds)(
    "are not lost when the hub dies before they were routed (%s)",
    async (kind) => {
      const clock = new MovableClock();
      const store = await openStore(kind, clock);
      const { hub } = await start(new Server(), store, clock);
      await put(hub, { source: "DeviceLifecycleEvents" });
      // Dies in the moment of the commit: what is told afterwards, nobody hears.
      store.onCommitted(() => undefined);
      await hub.create({ deviceId: "d1" });
      hub.halt();
      await hub.create({ deviceId: "d2" });
      expect(await operations(hub)).toEqual([]);

      const { hub: next } = await start(new Server(), store, clock);
      await next.create({ deviceId: "d3" });
      await vi.waitFor(async () => expect(await operations(next)).toHaveLength(3));
      await store.close();
    },
  );

  it("come again, and none is missing, when the hub dies between the event log and its position", async () => {
    const clock = new MovableClock();
    const store = await openStore("memory", clock);
    let dies = false;
    const dying: HubStore = new Proxy(store, {
      get(target, name) {
        if (name === "transaction" && dies) return () => Promise.reject(new Error("died"));
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
    const { hub } = await start(new Server(), dying, clock);
    await put(hub, { source: "DeviceLifecycleEvents" });
    await hub.create({ deviceId: "d1" });
    dies = true;
    const appended = async () => {
      const all = await Promise.all([0, 1, 2, 3].map((n) => store.eventLog.info(n)));
      return all.reduce((sum, { lastSequenceNumber }) => sum + lastSequenceNumber, 0);
    };
    await vi.waitFor(async () => expect(await appended()).toBe(1));
    hub.halt();

    const { hub: next } = await start(new Server(), store, clock);
    await next.create({ deviceId: "d2" });
    await vi.waitFor(async () => {
      const ids = (await logged(next)).map(({ message }) => message.key.deviceId);
      expect(ids.filter((id) => id === "d1")).toHaveLength(2);
      expect(ids.filter((id) => id === "d2")).toHaveLength(1);
    });
  });

  it("go on when the store fails for a while", async () => {
    const clock = new MovableClock();
    const store = await openStore("memory", clock);
    let fails = false;
    const failing: HubStore = new Proxy(store, {
      get(target, name) {
        if (name === "events" && fails) return () => Promise.reject(new Error("no disk"));
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
    const { hub } = await start(new Server(), failing, clock);
    await put(hub, { source: "DeviceLifecycleEvents" });
    fails = true;
    await hub.create({ deviceId: "d1" });
    fails = false;
    await vi.waitFor(async () => {
      clock.advance(1_000);
      expect(await operations(hub)).toHaveLength(1);
    });
  });

  it("are kept in the outbox until they have been routed, however many there are", async () => {
    const { hub } = await start();
    await put(hub, { source: "DeviceLifecycleEvents" });
    for (let n = 0; n < 450; n++)
      await hub.hub.identities.putDevice(owner, `d${n}`, {}, noPrecondition);
    await vi.waitFor(async () => expect(await logged(hub)).toHaveLength(450));
  });
});

describe("a webhook", () => {
  const routed = async (change: object = {}) => {
    const started = await start();
    const { hub } = started;
    await putHook(hub, change);
    await put(hub, { endpointNames: ["hook"] });
    return { ...started, principal: await sender(hub, module) };
  };

  it("is sent batches of messages with all that is known of them, in order", async () => {
    const { hub, server, principal } = await routed();
    server.answers = ["fail", 200];
    await send(hub, principal, "0");
    await Promise.all(["1", "2", "3"].map((body) => send(hub, principal, body)));
    await vi.waitFor(() => {
      hub.clock.advance(500);
      expect(server.bodies).toEqual(["0", "0", "1", "2", "3"]);
    });

    const first = server.requests.at(-1);
    expect(first?.url).toBe("https://example.com/in");
    expect(first?.headers).toMatchObject({
      "content-type": "application/json; charset=utf-8",
      "x-twinhub-hub": "hub",
      "x-twinhub-endpoint": "hook",
    });
    expect(JSON.parse(first?.text ?? "")).toMatchObject([
      {
        source: "Telemetry",
        deviceId: "d1",
        moduleId: "m1",
        applicationProperties: { level: "high" },
        bodyEncoding: "text",
        body: "1",
      },
      { body: "2" },
      { body: "3" },
    ]);
    await vi.waitFor(async () =>
      expect(await hook(hub)).toMatchObject({
        healthStatus: "healthy",
        waitingMessages: 0,
        deadLetters: 0,
      }),
    );
  });

  it("hears of the hub's own events too", async () => {
    const { hub, server } = await routed();
    await put(hub, { name: "r2", source: "TwinChangeEvents", endpointNames: ["hook"] });
    await hub.hub.twins.patch(owner, module, { tags: { a: 1 } }, noPrecondition);
    await vi.waitFor(() => expect(server.requests).toHaveLength(1));
    expect(JSON.parse(server.requests[0]?.text ?? "")).toMatchObject([
      {
        source: "twinChangeEvents",
        moduleId: "m1",
        applicationProperties: { opType: "updateTwin" },
        bodyEncoding: "json",
        body: { tags: { a: 1 } },
      },
    ]);
  });

  it("can check by a signature that a request is the hub's; the secret is never shown", async () => {
    const { hub, server, principal } = await routed({ secret: "s3cret" });
    await send(hub, principal, "1");
    await vi.waitFor(() => expect(server.requests).toHaveLength(1));
    const [{ headers, text } = { headers: {}, text: "" }] = server.requests;
    expect((headers as Record<string, string>)["x-twinhub-signature"]).toBe(
      `sha256=${createHmac("sha256", "s3cret").update(text).digest("hex")}`,
    );
    expect(JSON.stringify(await hub.hub.routing.endpoints(owner))).not.toContain("s3cret");
    expect(await hook(hub)).toMatchObject({ hasSecret: true });
  });

  it("keeps its secret when it is changed without one, and loses it by null", async () => {
    const { hub } = await routed({ secret: "s3cret" });
    const change = (secret: object) =>
      hub.hub.routing.putEndpoint(
        owner,
        {
          name: "hook",
          type: "webhook",
          url: "https://example.com/2",
          ...webhookDefaults,
          ...secret,
        },
        anyEtag,
      );
    expect((await change({})).body).toMatchObject({ hasSecret: true });
    expect((await change({ secret: null })).body).toMatchObject({ hasSecret: false });
  });

  it("that answers 500 and then 200 gets everything, with longer waits after each failure", async () => {
    const { hub, server, principal } = await routed();
    server.answers = [500, 503, 200];
    await send(hub, principal, "1");
    await vi.waitFor(() => expect(server.requests).toHaveLength(1));
    await vi.waitFor(async () =>
      expect(await hook(hub)).toMatchObject({
        healthStatus: "degraded",
        lastKnownError: "The endpoint answered 500",
        waitingMessages: 1,
      }),
    );
    hub.clock.advance(1_200);
    await vi.waitFor(() => expect(server.requests).toHaveLength(2));
    hub.clock.advance(1_200);
    await send(hub, principal, "2");
    expect(server.requests).toHaveLength(2);
    await vi.waitFor(async () => {
      hub.clock.advance(500);
      expect(await hook(hub)).toMatchObject({ waitingMessages: 0, healthStatus: "healthy" });
    });
    expect(server.bodies.slice(-2)).toEqual(["1", "2"]);
  });

  it("that hangs is given up after its time-out", async () => {
    const { hub, server, principal } = await routed({ timeoutSeconds: 5 });
    server.answers = ["hang", 200];
    await send(hub, principal, "1");
    await vi.waitFor(() => expect(server.requests).toHaveLength(1));
    await vi.waitFor(async () => {
      hub.clock.advance(5_000);
      expect(await hook(hub)).toMatchObject({
        lastKnownError: "The endpoint did not answer within 5 seconds",
      });
    });
    await vi.waitFor(async () => {
      hub.clock.advance(1_000);
      expect(await hook(hub)).toMatchObject({ waitingMessages: 0 });
    });
    expect(server.bodies).toEqual(["1", "1"]);
  });

  it("that can't be reached or redirects has failed, and says so", async () => {
    const { hub, server, principal } = await routed();
    server.answers = ["fail", 302, 200];
    await send(hub, principal, "1");
    await vi.waitFor(async () =>
      expect(await hook(hub)).toMatchObject({
        lastKnownError: "The endpoint cannot be reached: connect ECONNREFUSED 127.0.0.1:1",
      }),
    );
    await vi.waitFor(async () => {
      hub.clock.advance(500);
      expect(await hook(hub)).toMatchObject({
        lastKnownError: "The endpoint answered 302: redirects are not followed",
      });
    });
    expect(server.requests.every(({ url }) => url === "https://example.com/in")).toBe(true);
  });

  it("that never accepts a message finds it among the dead letters, and gets the others", async () => {
    const { hub, server, principal } = await routed({ maxDeliveryCount: 3 });
    server.answers = [400, 400, 400, 200];
    await Promise.all(["bad", "good"].map((body) => send(hub, principal, body)));
    await vi.waitFor(async () => {
      hub.clock.advance(10_000);
      expect(await hook(hub)).toMatchObject({ waitingMessages: 0, deadLetters: 1 });
    });
    expect(server.bodies.at(-1)).toBe("good");
    expect(await hub.hub.routing.deadLetters(owner, "hook", 10)).toMatchObject([
      {
        reason: "deliveryCountExceeded",
        error: "The endpoint answered 400",
        deliveryCount: 3,
        deviceId: "d1",
        moduleId: "m1",
        body: "bad",
      },
    ]);
    expect(await hub.hub.routing.purgeDeadLetters(owner, "hook")).toBe(1);
    expect(await hook(hub)).toMatchObject({ deadLetters: 0 });
  });

  it.each(whose)("gets dead letters of %s again, one or all, in their order", async (_, key) => {
    const { hub, server } = await start();
    server.answers = [400];
    await putHook(hub, { maxDeliveryCount: 1 });
    await put(hub, { endpointNames: ["hook"] });
    const principal = await sender(hub, key);
    for (const body of ["1", "2", "3", "4"]) await send(hub, principal, body);
    await vi.waitFor(async () => {
      hub.clock.advance(60_000);
      expect(await hook(hub)).toMatchObject({ waitingMessages: 0, deadLetters: 4 });
    });
    const { routing } = hub.hub;
    const [first, second] = (await routing.deadLetters(owner, "hook", 10)).map(idOf);
    server.answers = [200];
    const before = server.requests.length;
    await routing.retryDeadLetter(owner, "hook", second ?? "");
    await vi.waitFor(async () => {
      hub.clock.advance(60_000);
      expect(server.requests.slice(before).flatMap(({ bodies }) => bodies)).toEqual(["2"]);
      expect(await hook(hub)).toMatchObject({ waitingMessages: 0, deadLetters: 3 });
    });
    expect(JSON.parse(server.requests.at(-1)?.text ?? "")).toMatchObject([key]);

    await routing.discardDeadLetter(owner, "hook", first ?? "");
    expect(await routing.retryDeadLetters(owner, "hook")).toBe(2);
    await vi.waitFor(async () => {
      expect(server.requests.slice(before).flatMap(({ bodies }) => bodies)).toEqual([
        "2",
        "3",
        "4",
      ]);
      expect(await hook(hub)).toMatchObject({ waitingMessages: 0, deadLetters: 0 });
    });
    expect(await routing.retryDeadLetters(owner, "hook")).toBe(0);
  });

  it("has dead letters that come back if they fail again, and that only owners send again", async () => {
    const { hub, server, principal } = await routed({ maxDeliveryCount: 1 });
    server.answers = [400];
    await send(hub, principal, "bad");
    const dead = async (): Promise<string> =>
      vi.waitFor(async () => {
        hub.clock.advance(60_000);
        const [letter] = await hub.hub.routing.deadLetters(owner, "hook", 10);
        if (letter === undefined) throw new Error("no dead letter yet");
        return idOf(letter);
      });
    const { routing } = hub.hub;
    const id = await dead();
    expect(await routing.retryDeadLetters(owner, "hook")).toBe(1);
    const again = await dead();
    expect(again).not.toBe(id);
    const service: PolicyPrincipal = { kind: "policy", policy: "s", rights: ["ServiceConnect"] };
    for (const refused of [
      routing.retryDeadLetters(service, "hook"),
      routing.retryDeadLetter(service, "hook", again),
      routing.discardDeadLetter(service, "hook", again),
    ])
      expect(await refusalOf(refused)).toBe("401002 IotHubUnauthorizedAccess");
    for (const other of [id, "0", "x", "-1"]) {
      expect(await refusalOf(routing.retryDeadLetter(owner, "hook", other))).toBe(
        "404000 GenericNotFound",
      );
      expect(await refusalOf(routing.discardDeadLetter(owner, "hook", other))).toBe(
        "404000 GenericNotFound",
      );
    }
  });

  it("that is down counts as unhealthy, and its messages survive a restart of the hub", async () => {
    const clock = new MovableClock();
    const store = await openStore("sqlite", clock);
    const down = new Server();
    down.answers = ["fail"];
    const { hub } = await start(down, store, clock);
    await putHook(hub);
    await put(hub, { endpointNames: ["hook"] });
    const principal = await sender(hub, device);
    await Promise.all(["1", "2", "3"].map((body) => send(hub, principal, body)));
    await vi.waitFor(async () => {
      clock.advance(20_000);
      expect(await hook(hub)).toMatchObject({ healthStatus: "unhealthy" });
    });
    hub.halt();
    const sent = down.requests.length;

    const { hub: next, server } = await start(new Server(), store, clock);
    await vi.waitFor(() => expect(server.bodies).toEqual(["1", "2", "3"]));
    expect(down.requests).toHaveLength(sent);
    await vi.waitFor(async () => expect(await hook(next)).toMatchObject({ waitingMessages: 0 }));
    next.halt();
    await store.close();
  });

  it("whose queue is full loses its oldest message to the dead letters", async () => {
    const { hub, server, principal } = await routed();
    server.answers = ["fail"];
    await Promise.all(Array.from({ length: 10_002 }, (_, n) => send(hub, principal, `${n}`)));
    await send(hub, principal, "last");
    const { waitingMessages, deadLetters } = await hook(hub);
    expect(Number(waitingMessages)).toBeLessThanOrEqual(10_003);
    expect(Number(waitingMessages) + Number(deadLetters)).toBe(10_003);
    expect(await hub.hub.routing.deadLetters(owner, "hook", 1)).toMatchObject([
      { reason: "queueFull", body: "0" },
    ]);
    expect(await refusalOf(hub.hub.routing.retryDeadLetters(owner, "hook"))).toBe(
      "400003 InvalidOperation",
    );
    expect(await hook(hub)).toMatchObject({ deadLetters });
  });
});

describe("the settings of routing", () => {
  it("refuse a route whose condition does not compile (RT02, RT08)", async () => {
    const { hub } = await start();
    expect(await refusalOf(put(hub, { condition: "level = 3" }))).toBe("400004 ArgumentInvalid");
    expect(await refusalOf(put(hub, { condition: "STARTSWITH(p, 'a')" }))).toBe(
      "400004 ArgumentInvalid",
    );
    await put(hub, { condition: "STARTS_WITH(p, 'a')" });
  });

  it("are bounded: 100 routes, 10 endpoints, 10 enrichments", async () => {
    const { hub } = await start();
    for (let n = 0; n < 100; n++) await put(hub, { name: `r${n}` });
    expect(await refusalOf(put(hub, { name: "more" }))).toBe("400003 InvalidOperation");
    for (let n = 0; n < 10; n++) await putHook(hub, { name: `e${n}` });
    expect(await refusalOf(putHook(hub, { name: "more" }))).toBe("400003 InvalidOperation");
    const enrich = (key: string) =>
      hub.hub.routing.putEnrichment(
        owner,
        { key, value: "v", endpointNames: ["e0"] },
        noPrecondition,
      );
    for (let n = 0; n < 10; n++) await enrich(`k${n}`);
    expect(await refusalOf(enrich("more"))).toBe("400003 InvalidOperation");
  });

  it("are never overwritten unseen, and have etags", async () => {
    const { hub } = await start();
    const { routing } = hub.hub;
    const { etag, created, body } = await put(hub, {});
    expect(created).toBe(true);
    expect(await refusalOf(put(hub, {}))).toBe("412001 PreconditionFailed");
    const route = { ...(body as unknown as Route), condition: "false" };
    const changed = await routing.putRoute(owner, route, { kind: "etag", etag });
    expect(changed).toMatchObject({ created: false, body: { condition: "false" } });
    const stale = { kind: "etag", etag } as const;
    expect(await refusalOf(routing.putRoute(owner, route, stale))).toBe(
      "412001 PreconditionFailed",
    );
    expect(await refusalOf(routing.deleteRoute(owner, "r1", stale))).toBe(
      "412001 PreconditionFailed",
    );
    const other = { kind: "etag", etag: "x" } as const;
    expect(await refusalOf(routing.putFallback(owner, false, other))).toBe(
      "412001 PreconditionFailed",
    );
    await routing.deleteRoute(owner, "r1", { kind: "etag", etag: changed.etag });
    expect(await refusalOf(routing.route(owner, "r1"))).toBe("404000 GenericNotFound");
    expect(await refusalOf(routing.putRoute(owner, route, anyEtag))).toBe("404000 GenericNotFound");
  });

  it("belong to owners; services may read and try them", async () => {
    const { hub } = await start();
    await put(hub, {});
    const service: PolicyPrincipal = {
      kind: "policy",
      policy: "service",
      rights: ["ServiceConnect"],
    };
    const { routing } = hub.hub;
    expect(await routing.routes(service)).toHaveLength(1);
    expect(await refusalOf(routing.putFallback(service, false, noPrecondition))).toBe(
      "401002 IotHubUnauthorizedAccess",
    );
    expect(await refusalOf(routing.deleteRoute(service, "r1", anyEtag))).toBe(
      "401002 IotHubUnauthorizedAccess",
    );
    const reader: PolicyPrincipal = { ...service, rights: ["RegistryRead"] };
    expect(await refusalOf(routing.routes(reader))).toBe("401002 IotHubUnauthorizedAccess");
    const principal = await sender(hub, module);
    expect(await refusalOf(routing.routes(principal))).toBe("401002 IotHubUnauthorizedAccess");
  });

  it("keep an endpoint that is in use, and drop what waited for one that is deleted", async () => {
    const { hub, server } = await start();
    server.answers = ["fail"];
    await putHook(hub);
    await put(hub, { endpointNames: ["hook"] });
    const principal = await sender(hub, device);
    await send(hub, principal, "1");
    const { routing } = hub.hub;
    expect(await refusalOf(routing.deleteEndpoint(owner, "hook", anyEtag))).toBe(
      "400003 InvalidOperation",
    );
    await routing.deleteRoute(owner, "r1", anyEtag);
    await routing.deleteEndpoint(owner, "hook", anyEtag);
    expect(await hub.store.queueNames("webhook", null, 10)).toEqual([]);
    await putHook(hub);
    expect(await hook(hub)).toMatchObject({ waitingMessages: 0, healthStatus: "unknown" });
  });

  it("leave nothing behind for ever: what came too late for a deleted endpoint is dropped", async () => {
    const { hub } = await start();
    await putHook(hub);
    await hub.store.transaction(null, (tx) => {
      tx.addToQueue("webhook/left behind", {}, Buffer.of());
      tx.addToQueue("webhook-dead/left behind", {}, Buffer.of());
    });
    await vi.waitFor(async () => {
      hub.clock.advance(60_000);
      expect(await hub.store.queueNames("webhook", null, 10)).toEqual([]);
    });
  });

  it("tell which routes match a message, and what does not compile", async () => {
    const { hub } = await start();
    const { routing } = hub.hub;
    const message = {
      body: '{"t":30}',
      appProperties: { level: "high" },
      systemProperties: { contentType: "application/json", contentEncoding: "utf-8" },
    };
    const tested = (condition: string) =>
      routing.test(owner, { source: "DeviceMessages", condition }, message, {
        tags: { site: "north" },
      });
    expect(await tested("$body.t > 20 AND level = 'high' AND $twin.tags.site = 'north'")).toEqual({
      result: "true",
      details: { compilationErrors: [] },
    });
    expect((await tested("level = 'low'")).result).toBe("false");
    expect((await tested("missing = 'x'")).result).toBe("undefined");
    expect(await tested("level = 3")).toMatchObject({
      result: "false",
      details: {
        compilationErrors: [
          { severity: "error", location: { start: { line: 1, column: 7 }, end: { column: 8 } } },
        ],
      },
    });
    await put(hub, { condition: "$body.t > 20" });
    await put(hub, { name: "r2", condition: "$body.t > 40" });
    const all = await routing.testAll(owner, "DeviceMessages", message, undefined);
    expect(all.map(({ name }) => name)).toEqual(["r1"]);
    const none = await routing.testAll(owner, "DeviceMessages", {}, undefined);
    expect(none.map(({ name }) => name)).toEqual(["$fallback"]);
    expect(await routing.testAll(owner, "DeviceJobLifecycleEvents", {}, undefined)).toEqual([]);
  });
});
