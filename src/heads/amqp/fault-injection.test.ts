import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Receiver, Sender } from "rhea";
import { type FaultType, faultTypes } from "../../domain/messages/fault.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import type { AmqpClient } from "./testing/client.ts";
import { messages, once, outcomeOf, send } from "./testing/client.ts";
import { type TestHub, both, device, moduleOne, pathOf, startTestHub } from "./testing/test-hub.ts";

let test: TestHub;

beforeEach(async () => {
  test = await startTestHub({ limits: { linger: 50 } });
});
afterEach(async () => test.head.stop());

function asking(type: string, delay: string | number = "60"): Record<string, string | number> {
  return {
    AzIoTHub_FaultOperationType: type,
    AzIoTHub_FaultOperationCloseReason: "boom",
    AzIoTHub_FaultOperationDelayInSecs: delay,
    AzIoTHub_FaultOperationDurationInSecs: "120",
  };
}

async function ask(link: Sender, type: string, delay: string | number = "60"): Promise<void> {
  const outcome = await send(link, "fault", { application_properties: asking(type, delay) });
  expect(outcome).toBe("accepted");
}

/** Lets the fault begin, after having seen that it does not before. */
async function begin(link: Sender): Promise<void> {
  test.clock.advance(30_000);
  expect(await send(link, "before")).toBe("accepted");
  test.clock.advance(30_000);
}

async function bodies(): Promise<string[]> {
  const logged = await test.messages();
  return logged.map(({ message }) => Buffer.from(message.body).toString());
}

/** All links of an identity, by the types of the faults that detach them. */
async function openAll(client: AmqpClient, key: IdentityKey) {
  const path = pathOf(key);
  return {
    KillAmqpD2CLink: await client.sender(`${path}/messages/events`),
    KillAmqpC2DLink: await client.receiver(`${path}/messages/devicebound`),
    KillAmqpTwinLinkReq: await client.sender(`${path}/twin`),
    KillAmqpTwinLinkResp: await client.receiver(`${path}/twin`),
    KillAmqpMethodReqLink: await client.receiver(`${path}/methods/devicebound`),
    KillAmqpMethodRespLink: await client.sender(`${path}/methods/devicebound`),
    KillAmqpCBSLinkReq: await client.sender("$cbs"),
    KillAmqpCBSLinkResp: await client.receiver("$cbs"),
  } satisfies Partial<Record<FaultType, Sender | Receiver>>;
}

const ofLinks = [
  "KillAmqpD2CLink",
  "KillAmqpC2DLink",
  "KillAmqpTwinLinkReq",
  "KillAmqpTwinLinkResp",
  "KillAmqpMethodReqLink",
  "KillAmqpMethodRespLink",
  "KillAmqpCBSLinkReq",
  "KillAmqpCBSLinkResp",
] as const;
const refusals = [
  ["InvokeThrottling", "com.microsoft:device-container-throttled"],
  ["InvokeMaxMessageQuota", "amqp:resource-limit-exceeded"],
  ["InvokeAuthError", "amqp:unauthorized-access"],
] as const;

function closing(link: Sender | Receiver): Promise<unknown> {
  return once(link, link.is_receiver() ? "receiver_close" : "sender_close");
}

describe.each(both)("a fault that a %s asks for", (_, key) => {
  const events = `${pathOf(key)}/messages/events`;

  it.each(ofLinks)("detaches its link and no other after the delay: %s", async (type) => {
    const client = await test.connect(key, key === device ? moduleOne : device);
    const links = await openAll(client, key);
    const other = await openAll(client, key === device ? moduleOne : device);
    await ask(links.KillAmqpD2CLink, type);
    const ended = closing(links[type]);
    await begin(links.KillAmqpD2CLink);
    await ended;
    expect(links[type].error).toMatchObject({
      condition: "amqp:link:detach-forced",
      description: "boom",
    });
    expect(await send(other.KillAmqpD2CLink, "other")).toBe("accepted");
    const open = Object.entries({ ...links }).filter(([, link]) => link.is_open());
    // The links for tokens belong to the connection: both identities' and the client's own go.
    expect(open.map(([name]) => name)).toEqual(ofLinks.filter((name) => name !== type));
    expect(await bodies()).toEqual(["before", "other"]);
  });

  it("ends its session and keeps the connection: KillAmqpSession", async () => {
    const client = await test.connect(key);
    const session = client.newSession();
    const link = await client.sender(events, {}, session);
    await ask(link, "KillAmqpSession");
    const ended = once(session, "session_close");
    await begin(link);
    await ended;
    expect(session.error).toMatchObject({
      condition: "amqp:link:detach-forced",
      description: "boom",
    });
    expect(await test.endings(key)).toEqual(["faultInjection"]);
    const again = await client.sender(events);
    expect(await send(again, "again")).toBe("accepted");
    expect(await bodies()).toEqual(["before", "again"]);
  });

  it.each(["KillAmqpConnection", "ShutDownAmqp", "KillTcp"])(
    "ends the connection, and the next one works at once: %s",
    async (type) => {
      let resets = 0;
      const client = await test.open({ reset: () => resets++ });
      await client.putToken(test.token(key));
      const link = await client.sender(events);
      await ask(link, type);
      await begin(link);
      const error = await client.closed;
      if (type === "KillAmqpConnection")
        expect(error).toMatchObject({ condition: "amqp:connection:forced", description: "boom" });
      else expect(error ?? null).toBeNull();
      expect(resets).toBe(type === "KillTcp" ? 1 : 0);
      expect(await test.endings(key)).toEqual(["faultInjection"]);
      const again = await test.connect(key);
      expect(await send(await again.sender(events), "again")).toBe("accepted");
      expect(await bodies()).toEqual(["before", "again"]);
    },
  );

  it.each(refusals)("rejects telemetry for its duration: %s with %s", async (type, condition) => {
    const client = await test.connect(key, key === device ? moduleOne : device);
    const link = await client.sender(events);
    const other = await client.sender(
      `${pathOf(key === device ? moduleOne : device)}/messages/events`,
    );
    await ask(link, type);
    await begin(link);
    await expect(send(link, "rejected")).rejects.toMatchObject({ condition });
    expect(await send(other, "other")).toBe("accepted");
    test.clock.advance(60_000);
    await expect(send(link, "rejected")).rejects.toMatchObject({ condition });
    test.clock.advance(60_000);
    expect(await send(link, "after")).toBe("accepted");
    expect(await bodies()).toEqual(["before", "other", "after"]);
    expect(client.connection.is_open()).toBe(true);
  });

  it("refuses tokens and links for its duration: InvokeAuthError", async () => {
    const client = await test.connect(key);
    const link = await client.sender(events);
    await ask(link, "InvokeAuthError");
    await begin(link);
    expect(await client.putToken(test.token(key))).toMatchObject({ status: 401 });
    await expect(client.sender(`${pathOf(key)}/twin`)).rejects.toMatchObject({
      condition: "amqp:unauthorized-access",
    });
    test.clock.advance(120_000);
    expect(await client.putToken(test.token(key))).toMatchObject({ status: 200 });
    await client.sender(`${pathOf(key)}/twin`);
  });

  it("may stand on the envelope of a batch, or on one message in it", async () => {
    const client = await test.connect(key);
    const link = await client.sender(events);
    const fault = asking("KillAmqpD2CLink", 3_000);
    await batch(link, ["fault"], { application_properties: fault });
    const other = { application_properties: asking("KillTcp", 1) };
    expect(await batch(link, ["kept", { body: "a fault", ...other }, "kept too"])).toBe("accepted");
    expect(await bodies()).toEqual(["kept", "kept too"]);
    // The first is still to come: the second was dropped.
    test.clock.advance(60_000);
    expect(await send(link, "open")).toBe("accepted");
    await batch(link, ["with", "others"], { application_properties: fault });
    expect(await bodies()).toEqual(["kept", "kept too", "open", "with", "others"]);
  });

  it.each(["ShutDownMqtt", "killtcp", "Explode"])(
    "is an ordinary message if it is %s",
    async (type) => {
      const client = await test.connect(key);
      const link = await client.sender(events);
      await ask(link, type, 0);
      test.clock.advance(60_000);
      expect(await send(link, "after")).toBe("accepted");
      expect(await bodies()).toEqual(["fault", "after"]);
    },
  );

  it("is an ordinary message, whatever its type, if the hub does no such thing", async () => {
    await test.head.stop();
    test = await startTestHub({ faultInjection: false });
    const client = await test.connect(key);
    const link = await client.sender(events);
    for (const type of faultTypes) await ask(link, type, 0);
    test.clock.advance(60_000);
    expect(await send(link, "after")).toBe("accepted");
    expect(await bodies()).toEqual([...faultTypes.map(() => "fault"), "after"]);
  });

  it("is one at a time, and forgotten with the connection", async () => {
    const client = await test.connect(key);
    const link = await client.sender(events);
    await ask(link, "InvokeThrottling");
    await ask(link, "KillTcp", 0);
    await begin(link);
    await expect(send(link, "rejected")).rejects.toMatchObject({
      condition: "com.microsoft:device-container-throttled",
    });
    client.close();
    await client.closed;
    expect(await test.endings(key)).toEqual(["clientDisconnected"]);
    const again = await test.connect(key);
    expect(await send(await again.sender(events), "again")).toBe("accepted");
    expect(await bodies()).toEqual(["before", "again"]);
  });
});

type Part = string | { readonly body: string; readonly application_properties: object };

function batch(link: Sender, parts: readonly Part[], envelope: object = {}): Promise<string> {
  const sections = parts.map((part) => {
    const { body, ...more } = typeof part === "string" ? { body: part } : part;
    return messages.encode({ ...more, body: messages.data_section(Buffer.from(body)) });
  });
  const bytes = messages.encode({
    ...envelope,
    body: messages.data_sections(sections),
  });
  return outcomeOf(link, link.send(bytes, undefined, 0x80013700));
}
