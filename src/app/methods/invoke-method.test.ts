import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { IdentityKey } from "../../domain/identity/key.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { MethodResult } from "../../domain/methods/method-call.ts";
import {
  AppHub,
  type Connected,
  type RecordingLink,
  owner,
  refusalOf,
  storeKinds,
} from "../../../test/support/app-hub.ts";
import { HubError } from "../../domain/errors.ts";
import type { Principal } from "../principal.ts";

const subjects: [string, IdentityKey][] = [
  ["device", { deviceId: "d1" }],
  ["module", { deviceId: "d1", moduleId: "m1" }],
];
const cases = storeKinds.flatMap((kind) =>
  subjects.map(([what, key]) => ({ kind, what, key }) as const),
);
const reboot = { methodName: "reboot" };
const notOnline = "404103 DeviceNotOnline";
const closed = "404104 DeviceConnectionClosedRemotely";
const tooMany = "403800 DeviceMaximumInflightMethodExceeded";

describe.each(cases)("On the $kind store, a direct method of a $what", ({ kind, key }) => {
  let app: AppHub;
  let secret: string;
  beforeEach(async () => {
    app = await AppHub.start(kind);
    secret = (await app.create(key)).primary;
  });
  afterEach(() => app.stop());

  function invoke(body: JsonObject = {}, principal: Principal = owner): Promise<MethodResult> {
    const result = app.hub.methods.invoke(principal, key, { ...reboot, ...body });
    // A call that fails before the test looks at it must not end the run.
    result.catch(() => {});
    return result;
  }

  async function subscribed(): Promise<Connected> {
    const connected = await app.connect(key, secret);
    connected.open.methodsReady(true);
    return connected;
  }

  /** The number of calls that have reached the client, once it is `count`. */
  async function reached(link: RecordingLink, count = 1) {
    await vi.waitFor(() => expect(link.invocations).toHaveLength(count));
    const last = link.invocations.at(-1);
    if (last === undefined) throw new Error("no call");
    return last;
  }

  it("M01 is refused at once if nobody is there and nobody is to be waited for", async () => {
    const refused = invoke({ connectTimeoutInSeconds: 0 });
    expect(await refusalOf(refused)).toBe(notOnline);
    await expect(refused).rejects.toThrow("Timed out waiting for device to connect.");
    await app.connect(key, secret);
    expect(await refusalOf(invoke())).toBe(notOnline);
  });

  it("M02 reaches a client that comes while the caller waits", async () => {
    const result = invoke({ connectTimeoutInSeconds: 10 });
    app.clock.advance(3_000);
    const { link } = await subscribed();
    (await reached(link)).answer(200, '{"ok":true}');
    expect(await result).toEqual({ status: 200, payload: { ok: true } });
  });

  it("M02 is refused when the caller has waited in vain", async () => {
    const result = invoke({ connectTimeoutInSeconds: 10 });
    const refusal = refusalOf(result);
    // Time moves on until the call has begun to wait, and ten seconds further.
    const moving = setInterval(() => app.clock.advance(1_000), 1);
    expect(await refusal).toBe(notOnline);
    clearInterval(moving);
    const { link } = await subscribed();
    expect(link.invocations).toEqual([]);
  });

  it("M03 ends after its time-out if the client is silent, and a late answer is dropped", async () => {
    const { link } = await subscribed();
    const result = invoke({ responseTimeoutInSeconds: 5 });
    const call = await reached(link);
    expect(link.forgotten).toEqual([]);
    app.clock.advance(5_000);
    expect(await refusalOf(result)).toBe("504101 GatewayTimeout");
    await expect(result).rejects.toThrow("Timed out waiting for the response from device.");
    expect(link.forgotten).toEqual([0]);
    call.answer(200, "1");
    await expect(result).rejects.toThrow(HubError);
  });

  it.each([4, 301, 5.5, "x", ""])(
    "M04 has no response time-out of %j seconds",
    async (responseTimeoutInSeconds) => {
      await subscribed();
      const refused = invoke({ responseTimeoutInSeconds });
      expect(await refusalOf(refused)).toBe("400004 ArgumentInvalid");
      await expect(refused).rejects.toThrow("responseTimeoutInSeconds must be within [5; 300].");
    },
  );

  it.each([-1, 301])("has no connect time-out of %j seconds", async (connectTimeoutInSeconds) => {
    const refused = invoke({ connectTimeoutInSeconds });
    await expect(refused).rejects.toThrow("connectTimeoutInSeconds must be within [0; 300].");
  });

  it("M05 gets the payload as it was given; a missing one is null", async () => {
    const { link } = await subscribed();
    const given: [JsonObject, string][] = [
      [{ payload: null }, "null"],
      [{ payload: "" }, '""'],
      [{ payload: {} }, "{}"],
      [{}, "null"],
      [{ payload: [1, { a: false }] }, '[1,{"a":false}]'],
    ];
    for (const [index, [body, text]] of given.entries()) {
      const result = invoke(body);
      const call = await reached(link, index + 1);
      expect([call.name, call.payload]).toEqual(["reboot", text]);
      call.answer(200, "");
      expect(await result).toEqual({ status: 200, payload: null });
    }
  });

  it("M06 gives back whatever status the client chose", async () => {
    const { link } = await subscribed();
    const result = invoke();
    (await reached(link)).answer(404, '"no such method"');
    expect(await result).toEqual({ status: 404, payload: "no such method" });
  });

  it("M07 is refused if there is no such device or module", async () => {
    const nobody = app.hub.methods.invoke(owner, { ...key, deviceId: "nobody" }, reboot);
    expect(await refusalOf(nobody)).toBe("404001 DeviceNotFound");
    const other = { deviceId: "d1", moduleId: "nobody" };
    expect(await refusalOf(app.hub.methods.invoke(owner, other, reboot))).toBe(
      "404010 ModuleNotFound",
    );
  });

  it("M08 has 128 KiB of payload and no more, both ways", async () => {
    const { link } = await subscribed();
    const payload = "x".repeat(131_070);
    const result = invoke({ payload });
    (await reached(link)).answer(200, JSON.stringify(payload));
    expect(await result).toEqual({ status: 200, payload });
    const tooLarge = "413001 MessageTooLarge";
    expect(await refusalOf(invoke({ payload: `${payload}x` }))).toBe(tooLarge);
    expect(await refusalOf(invoke({ payload: "ü".repeat(65_536) }))).toBe(tooLarge);
    const answered = invoke();
    (await reached(link, 2)).answer(200, JSON.stringify(`${payload}x`));
    expect(await refusalOf(answered)).toBe(tooLarge);
  });

  it("is one of ten that the client may have open", async () => {
    const { link } = await subscribed();
    const results = Array.from({ length: 10 }, () => invoke());
    await reached(link, 10);
    expect(await refusalOf(invoke())).toBe(tooMany);
    link.invocations[3]?.answer(200, "3");
    expect(await results[3]).toEqual({ status: 200, payload: 3 });
    const another = invoke();
    (await reached(link, 11)).answer(200, "11");
    expect(await another).toEqual({ status: 200, payload: 11 });
  });

  it("is one of a hundred that may wait for the client to come", async () => {
    const waiting = Array.from({ length: 100 }, () => invoke({ connectTimeoutInSeconds: 300 }));
    await app.hub.identities.get(owner, key);
    await vi.waitFor(async () =>
      expect(await refusalOf(invoke({ connectTimeoutInSeconds: 300 }))).toBe(tooMany),
    );
    const { link } = await subscribed();
    await reached(link, 10);
    for (const call of link.invocations) call.answer(200, "");
    const outcomes = await Promise.allSettled(waiting);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(10);
  });

  it("ends with the connection, and nobody answers it on a newer one", async () => {
    const first = await subscribed();
    const result = invoke();
    const call = await reached(first.link);
    const second = await subscribed();
    expect(await refusalOf(result)).toBe(closed);
    expect(second.link.invocations).toEqual([]);
    call.answer(200, "");
    expect(await refusalOf(result)).toBe(closed);
    const next = invoke();
    await reached(second.link);
    second.open.ended("networkLost");
    expect(await refusalOf(next)).toBe(closed);
    expect(await refusalOf(invoke())).toBe(notOnline);
  });

  it("does not reach a client that has ended its subscription", async () => {
    const { link, open } = await subscribed();
    open.methodsReady(false);
    expect(await refusalOf(invoke())).toBe(notOnline);
    expect(link.invocations).toEqual([]);
  });

  it("leaves nothing behind when the link refuses it", async () => {
    const { link } = await subscribed();
    const take = link.invoke.bind(link);
    link.invoke = () => {
      throw new HubError("DeviceNotOnline", "not this one");
    };
    for (let i = 0; i < 11; i++) expect(await refusalOf(invoke())).toBe(notOnline);
    link.invoke = take;
    const result = invoke();
    (await reached(link)).answer(200, "");
    expect((await result).status).toBe(200);
  });

  it("may be called by services and by modules of the same device, and by nobody else", async () => {
    const { link } = await subscribed();
    const neighbour = { deviceId: "d1", moduleId: "neighbour" };
    const ofNeighbour = await app.prove(neighbour, (await app.create(neighbour)).primary);
    const result = invoke({}, ofNeighbour);
    (await reached(link)).answer(200, "");
    expect((await result).status).toBe(200);

    const stranger = { deviceId: "d2", moduleId: "m1" };
    const denied = "401002 IotHubUnauthorizedAccess";
    const ofStranger = await app.prove(stranger, (await app.create(stranger)).primary);
    expect(await refusalOf(invoke({}, ofStranger))).toBe(denied);
    const { hub } = app;
    const keys = await hub.identities.get(owner, { deviceId: "d2" });
    const auth = keys.body["authentication"] as { symmetricKey: { primaryKey: string } };
    const ofDevice = await app.prove({ deviceId: "d2" }, auth.symmetricKey.primaryKey);
    expect(await refusalOf(invoke({}, ofDevice))).toBe(denied);
    const reader: Principal = { kind: "policy", policy: "registryRead", rights: ["RegistryRead"] };
    expect(await refusalOf(invoke({}, reader))).toBe(denied);
  });
});
