import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { gate } from "../../../test/support/gate.ts";
import type { Message, Receiver, Sender } from "rhea";
import { anyEtag, noPrecondition } from "../../domain/identity/etag.ts";
import type { IdentityKey } from "../../domain/identity/key.ts";
import type { AmqpClient } from "./testing/client.ts";
import { messages, nextMessage, once, outcomeOf, send, textOf, types } from "./testing/client.ts";
import {
  type TestHub,
  both,
  device,
  moduleOne,
  owner,
  pathOf,
  secondaryKey,
  startTestHub,
} from "./testing/test-hub.ts";

let test: TestHub;

beforeEach(async () => {
  test = await startTestHub({ limits: { linger: 50 } });
});
afterEach(async () => test.head.stop());

const uuid = Buffer.from("00112233445566778899aabbccddeeff", "hex");

describe("put-token", () => {
  it.each(both)(
    "lets a %s in, and answers with the request's id in its own type",
    async (_, key) => {
      const client = await test.open();
      for (const id of ["text", 0, 7, uuid]) {
        const answer = await client.putToken(test.token(key), id);
        expect(answer).toEqual({ status: 200, description: "OK", correlationId: id });
      }
    },
  );

  it.each(both)(
    "refuses a %s with 401: another key, a token that has ended, no such identity",
    async (_, key) => {
      const client = await test.open();
      const other = Buffer.alloc(32, 9).toString("base64");
      const unknown: IdentityKey = { ...key, deviceId: "nobody" };
      for (const token of [
        test.token(key, { key: other }),
        test.token(key, { seconds: -7200 }),
        test.token(unknown),
        "SharedAccessSignature sr=nonsense",
      ]) {
        const { status, description } = await client.putToken(token);
        expect(status).toBe(401);
        expect(description).not.toBe("");
      }
      await expect(client.sender(`${pathOf(key)}/twin`)).rejects.toMatchObject({
        condition: "amqp:unauthorized-access",
      });
    },
  );

  it("holds no more tokens than the limit", async () => {
    await test.head.stop();
    test = await startTestHub({ limits: { claims: 1 } });
    const client = await test.open();
    expect(await client.putToken(test.token(device))).toMatchObject({ status: 200 });
    expect(await client.putToken(test.token(moduleOne))).toMatchObject({ status: 403 });
    // The same audience again is a renewal.
    expect(await client.putToken(test.token(device))).toMatchObject({ status: 200 });
  });
});

describe("links", () => {
  it("are refused with the condition of the case, and the connection goes on", async () => {
    const client = await test.connect(device);
    await expect(client.sender("/no/such/address")).rejects.toMatchObject({
      condition: "amqp:not-found",
      message: expect.stringContaining('"errorCode":404006'),
    });
    await expect(client.sender(`${pathOf(moduleOne)}/messages/events`)).rejects.toMatchObject({
      condition: "amqp:unauthorized-access",
    });
    await expect(client.receiver(`${pathOf(device)}/messages/events`)).rejects.toMatchObject({
      condition: "amqp:not-found",
    });
    await client.sender(`${pathOf(device)}/messages/events`);
  });

  it.each(both)(
    "of a %s connect it with the first and disconnect it with the last",
    async (_, key) => {
      const client = await test.connect(key);
      const first = await client.sender(
        `amqps://hub.example.com:5671${pathOf(key)}/messages/events/`,
      );
      const second = await client.receiver(`${pathOf(key)}/messages/devicebound`);
      expect(await connected(key)).toBe(true);
      first.close();
      await once(first, "sender_close");
      expect(await connected(key)).toBe(true);
      second.close();
      await once(second, "receiver_close");
      expect(await test.endings(key)).toEqual(["clientDisconnected"]);
    },
  );

  it("of several identities share a connection, and end for each by itself", async () => {
    const client = await test.connect(device, moduleOne);
    const ofDevice = await client.sender(`${pathOf(device)}/messages/events`);
    const ofModule = await client.sender(`${pathOf(moduleOne)}/messages/events`);
    const ended = once(ofModule, "sender_close");
    await test.hub.identities.delete(owner, moduleOne, anyEtag);
    await ended;
    expect(ofModule.error).toMatchObject({ condition: "amqp:not-found" });
    expect(await send(ofDevice, "still here")).toBe("accepted");
  });

  it.each(both)("of a %s end when it connects again, with the session", async (_, key) => {
    const first = await test.connect(key);
    await first.sender(`${pathOf(key)}/messages/events`);
    const ended = once(first.session, "session_close");
    const second = await test.connect(key);
    await second.sender(`${pathOf(key)}/messages/events`);
    await ended;
    expect(first.session.error).toMatchObject({ condition: "amqp:link:stolen" });
    second.close();
    expect(await test.endings(key)).toEqual(["newerConnection", "clientDisconnected"]);
  });

  it.each(both)("of a %s end with its token, unless that was renewed", async (_, key) => {
    const grace = 600_000;
    await test.head.stop();
    // The client's clock stands still: it would be silent for too long.
    test = await startTestHub({ limits: { linger: 50, idleTimeOut: 2_000_000_000 } });
    const client = await test.connect(key);
    const link = await client.sender(`${pathOf(key)}/messages/events`);
    test.clock.advance(3_000_000);
    expect(await client.putToken(test.token(key, { key: secondaryKey }))).toMatchObject({
      status: 200,
    });
    test.clock.advance(1_200_000);
    expect(await send(link, "renewed")).toBe("accepted");
    const ended = once(client.session, "session_close");
    test.clock.advance(3_600_000 + grace);
    await ended;
    expect(client.session.error).toMatchObject({ condition: "amqp:unauthorized-access" });
    expect(await test.endings(key)).toEqual(["tokenExpired"]);
  });

  it.each(both)("of a %s hang on the key of its newest token", async (_, key) => {
    const client = await test.connect(key);
    const link = await client.sender(`${pathOf(key)}/messages/events`);
    await client.putToken(test.token(key, { key: secondaryKey }));
    await test.hub.identities.regenerateKeys(owner, "primaryKey", [key]);
    expect(await send(link, "not cut")).toBe("accepted");
    const ended = once(client.session, "session_close");
    await test.hub.identities.regenerateKeys(owner, "secondaryKey", [key]);
    await ended;
    expect(await test.endings(key)).toEqual(["credentialsChanged"]);
  });

  it("leave the stored MQTT session as it is", async () => {
    const session = { subscriptions: [{ filter: "$iothub/twin/res/#", qos: 0 as const }] };
    await test.store.transaction(device, (tx) => tx.putSession(device, session));
    const client = await test.connect(device);
    await client.sender(`${pathOf(device)}/messages/events`);
    expect(await test.store.transaction(device, (tx) => tx.session(device))).toEqual(session);
  });
});

describe("telemetry", () => {
  it.each(both)("of a %s is accepted when it is kept, with its properties", async (_, key) => {
    const client = await test.connect(key);
    const link = await client.sender(`${pathOf(key)}/messages/events`);
    const outcome = await send(link, "21", {
      message_id: uuid,
      correlation_id: "c1",
      content_type: "application/json",
      content_encoding: "utf-8",
      to: "somewhere",
      message_annotations: { "dt-subject": "thermostat" },
      application_properties: { text: "t", number: 3, yes: true, "iothub-outputname": "out" },
    });
    expect(outcome).toBe("accepted");
    const [kept] = await test.messages();
    expect(kept?.message).toMatchObject({
      key,
      system: {
        messageId: "00112233-4455-6677-8899-aabbccddeeff",
        correlationId: "c1",
        contentType: "application/json",
        contentEncoding: "utf-8",
        component: "thermostat",
        outputName: "out",
      },
      application: [
        ["text", "t"],
        ["number", "3"],
        ["yes", "true"],
      ],
    });
    expect(Buffer.from(kept?.message.body ?? []).toString()).toBe("21");
    expect(kept?.message.system).not.toHaveProperty("to");
  });

  it.each(both)(
    "of a %s comes in batches, of which each message is one of its own",
    async (_, key) => {
      const client = await test.connect(key);
      const link = await client.sender(`${pathOf(key)}/messages/events`);
      for (const bodies of [["one"], ["one", "two", "three"]]) {
        const before = (await test.messages()).length;
        expect(await batch(link, bodies)).toBe("accepted");
        const kept = (await test.messages()).slice(before);
        expect(kept.map(({ message }) => Buffer.from(message.body).toString())).toEqual(bodies);
      }
    },
  );

  it.each(both)("of a %s that is wrong is rejected, and the link goes on", async (_, key) => {
    const client = await test.connect(key);
    const link = await client.sender(`${pathOf(key)}/messages/events`);
    const tooLarge = { condition: "amqp:link:message-size-exceeded" };
    await expect(send(link, Buffer.alloc(262_145))).rejects.toMatchObject(tooLarge);
    await expect(send(link, Buffer.alloc(1_200_000))).rejects.toMatchObject(tooLarge);
    const bad = { condition: "com.microsoft:argument-error" };
    const malformed = link.send(Buffer.from("no message"), undefined, 0);
    await expect(outcomeOf(link, malformed)).rejects.toMatchObject(bad);
    await expect(batch(link, [])).rejects.toMatchObject(bad);
    expect(await send(link, Buffer.alloc(262_144))).toBe("accepted");
    expect(await test.messages()).toHaveLength(1);
  });

  it.each(both)("of a %s gets each outcome for itself, however close they are", async (_, key) => {
    const client = await test.connect(key);
    const link = await client.sender(`${pathOf(key)}/messages/events`);
    const outcomesOf = await Promise.allSettled([
      send(link, "good"),
      outcomeOf(link, link.send(Buffer.from("no message"), undefined, 0)),
      send(link, "good"),
      outcomeOf(link, link.send(Buffer.from("no message"), undefined, 0)),
    ]);
    expect(outcomesOf.map(({ status }) => status)).toEqual([
      "fulfilled",
      "rejected",
      "fulfilled",
      "rejected",
    ]);
  });

  it("is not accepted before the hub has it", async () => {
    await test.head.stop();
    const kept = gate();
    test = await startTestHub({
      wrap: (hub) => ({ ...hub, telemetry: { send: () => kept.opened } }),
    });
    const client = await test.connect(device);
    const link = await client.sender(`${pathOf(device)}/messages/events`);
    let done = false;
    const outcome = send(link, "x").then(() => (done = true));
    // Everything sent before has been read and answered when this is.
    await client.putToken(test.token(device));
    expect(done).toBe(false);
    kept.open();
    await outcome;
  });

  it("flows on for longer than any window", async () => {
    const client = await test.connect(device);
    const link = await client.sender(`${pathOf(device)}/messages/events`);
    const count = 6_000;
    let sent = 0;
    let accepted = 0;
    await new Promise<void>((resolve) => {
      const more = (): void => {
        while (sent < count && link.sendable()) {
          link.send({ body: messages.data_section(Buffer.from(`${sent}`)) });
          sent++;
        }
      };
      link.on("sendable", more);
      link.on("accepted", () => {
        accepted++;
        if (accepted === count) resolve();
      });
      more();
    });
    expect(await test.messages()).toHaveLength(count);
  });
});

describe("the twin", () => {
  it.each(both)("of a %s is read, reported and watched", async (_, key) => {
    const { request, answers } = await twinOf(await test.connect(key), key);
    const read = await request({ operation: "GET" }, " ");
    expect(read.message_annotations).toEqual({ status: 200 });
    expect(JSON.parse(textOf(read))).toEqual({
      desired: { $version: 1 },
      reported: { $version: 1 },
    });
    const reported = { operation: "PATCH", resource: "/properties/reported" };
    const patched = await request(reported, '{"a":{"b":1}}');
    expect(patched.message_annotations).toEqual({ status: 200, version: 2 });
    expect(textOf(patched)).toBe("");

    const desired = "/notifications/twin/properties/desired";
    expect((await request({ operation: "PUT", resource: desired })).message_annotations).toEqual({
      status: 200,
    });
    const change = nextMessage(answers);
    await patchDesired(key, { wanted: 1 });
    const pushed = await change;
    expect(pushed.correlation_id).toBeUndefined();
    expect(JSON.parse(textOf(pushed))).toEqual({ wanted: 1, $version: 2 });

    await request({ operation: "DELETE", resource: desired });
    await patchDesired(key, { wanted: 2 });
    expect(JSON.parse(textOf(await request({ operation: "GET" }))).desired).toEqual({
      wanted: 2,
      $version: 3,
    });
  });

  it.each(both)("of a %s answers what is wrong with a status and JSON", async (_, key) => {
    const { request } = await twinOf(await test.connect(key), key);
    const reported = { operation: "PATCH", resource: "/properties/reported" };
    for (const [annotations, body] of [
      [reported, "no JSON"],
      [reported, '{"a.b":1}'],
      [{ operation: "PATCH", resource: "/properties/desired" }, "{}"],
      [{ operation: "FETCH" }, ""],
    ] as const) {
      const answer = await request(annotations, body);
      expect(answer.message_annotations).toEqual({ status: 400 });
      expect(JSON.parse(textOf(answer))).toMatchObject({ errorCode: 400_004 });
    }
  });

  it.each(both)("of a %s answers with the request's id in its own type", async (_, key) => {
    const { request } = await twinOf(await test.connect(key), key);
    for (const id of ["text", uuid]) {
      const answer = await request({ operation: "GET" }, "", id);
      expect(answer.correlation_id).toEqual(id);
    }
  });

  it.each(both)("of a %s waits with its answer until there is credit", async (_, key) => {
    const client = await test.connect(key);
    const answers = await client.receiver(`${pathOf(key)}/twin`, { credit_window: 0 });
    const requests = await client.sender(`${pathOf(key)}/twin`);
    expect(
      await send(requests, " ", {
        correlation_id: "c1",
        message_annotations: { operation: "GET" },
      }),
    ).toBe("accepted");
    const answer = nextMessage(answers);
    answers.add_credit(1);
    expect((await answer).correlation_id).toBe("c1");
  });
});

describe("direct methods", () => {
  it.each(both)("reach a %s and bring its answer back", async (_, key) => {
    const client = await test.connect(key);
    const answers = await client.sender(`${pathOf(key)}/methods/devicebound`);
    const requests = await client.receiver(`${pathOf(key)}/methods/devicebound`);
    const arrived = nextMessage(requests);
    const result = invoke(key);
    const request = await arrived;
    expect(request.application_properties).toEqual({ "IoThub-methodname": "reboot" });
    expect(textOf(request)).toBe('{"now":true}');
    expect(request.correlation_id).toHaveLength(16);
    const answer = {
      correlation_id: request.correlation_id,
      application_properties: { "IoThub-status": types.wrap_int(202) },
    };
    expect(await send(answers, '{"done":1}', answer as Partial<Message>)).toBe("accepted");
    expect(await result).toEqual({ status: 202, payload: { done: 1 } });
    // Nobody waits for it any more.
    expect(await send(answers, "{}", answer as Partial<Message>)).toBe("accepted");
  });

  it.each(both)("find a %s offline that has no link for them", async (_, key) => {
    const client = await test.connect(key);
    const requests = await client.receiver(`${pathOf(key)}/methods/devicebound`);
    requests.close();
    await once(requests, "receiver_close");
    await client.sender(`${pathOf(key)}/methods/devicebound`);
    await expect(invoke(key)).rejects.toMatchObject({ name: "DeviceNotOnline" });
  });
});

describe("messages to a device", () => {
  it("arrive with what the service said, within the credit", async () => {
    for (const body of ["one", "two", "three"]) await command(body);
    const client = await test.connect(device);
    const link = await client.receiver(`${pathOf(device)}/messages/devicebound`, {
      credit_window: 0,
    });
    const got: Message[] = [];
    link.on("message", ({ message }) => message !== undefined && got.push(message));
    const first = once(link, "message");
    link.add_credit(2);
    const { delivery } = await first;
    await client.putToken(test.token(device));
    expect(got.map(textOf)).toEqual(["one", "two"]);
    expect(delivery?.tag).toHaveLength(16);
    expect(got[0]).toMatchObject({
      message_id: "m-one",
      to: "/devices/dev1/messages/deviceBound",
      application_properties: { colour: "red", "iothub-ack": "full" },
      message_annotations: { "x-opt-sequence-number": 1, "iothub-deliverycount": 0 },
    });
  });

  it("are completed, rejected, abandoned or given back, as the device says", async () => {
    for (const body of ["one", "two", "three", "four"]) await command(body);
    const client = await test.connect(device);
    const link = await client.receiver(`${pathOf(device)}/messages/devicebound`, {
      autoaccept: false,
    });
    const bodies: string[] = [];
    const done = new Promise<void>((resolve) => {
      link.on("message", ({ message, delivery }) => {
        if (message === undefined || delivery === undefined) return;
        const body = textOf(message);
        bodies.push(`${body} ${String(message.message_annotations?.["iothub-deliverycount"])}`);
        const again = bodies.length > 4;
        // Each in a turn of its own: the library joins two that it writes in one turn, whatever they say.
        setImmediate(() => {
          if (body === "two" && !again) delivery.update(true, released());
          else if (body === "three") delivery.reject({ condition: "x", description: "no" });
          else delivery.accept();
          if (again) resolve();
        });
      });
    });
    await done;
    expect(bodies).toEqual(["one 0", "two 0", "three 0", "four 0", "two 1"]);
  });

  it("are settled second for a client that asks for it", async () => {
    await command("one");
    const client = await test.connect(device);
    const link = await client.receiver(`${pathOf(device)}/messages/devicebound`, {
      autoaccept: false,
      autosettle: false,
      rcv_settle_mode: 1,
    });
    const { delivery } = await once(link, "message");
    const settled = once(link, "settled");
    delivery?.update(false, accepted());
    expect((await settled).delivery?.remote_state).toBeDefined();
  });

  it("come back when the link ends before they were settled", async () => {
    await command("one");
    const client = await test.connect(device);
    const first = await client.receiver(`${pathOf(device)}/messages/devicebound`, {
      autoaccept: false,
    });
    await once(first, "message");
    first.close();
    await once(first, "receiver_close");
    const second = await client.receiver(`${pathOf(device)}/messages/devicebound`);
    expect(textOf(await nextMessage(second))).toBe("one");
  });
});

async function connected(key: IdentityKey): Promise<boolean | undefined> {
  return test.store.transaction(key, (tx) => tx.presence(key)?.connected);
}

async function patchDesired(key: IdentityKey, desired: Record<string, number>): Promise<void> {
  await test.hub.twins.patch(owner, key, { properties: { desired } }, noPrecondition);
}

function invoke(key: IdentityKey): Promise<unknown> {
  return test.hub.methods.invoke(owner, key, { methodName: "reboot", payload: { now: true } });
}

async function command(body: string): Promise<void> {
  await test.hub.cloudToDevice.send(owner, device.deviceId, {
    body: Buffer.from(body),
    system: { messageId: `m-${body}` },
    application: new Map([["colour", "red"]]),
    ack: "full",
  });
}

function batch(link: Sender, bodies: readonly string[]): Promise<string> {
  const inner = bodies.map((body) =>
    messages.encode({ body: messages.data_section(Buffer.from(body)) }),
  );
  const outer = messages.encode({
    body: inner.length === 0 ? "" : messages.data_sections(inner),
  });
  return outcomeOf(link, link.send(outer, undefined, 0x80013700));
}

/** The library has these, its types do not. */
const outcomes = messages as unknown as Record<
  "accepted" | "released",
  () => { described(): object }
>;
const released = (): object => outcomes.released().described();
const accepted = (): object => outcomes.accepted().described();

interface TwinLinks {
  readonly answers: Receiver;
  readonly request: (annotations: object, body?: string, id?: string | Buffer) => Promise<Message>;
}

async function twinOf(client: AmqpClient, key: IdentityKey): Promise<TwinLinks> {
  const answers = await client.receiver(`${pathOf(key)}/twin`);
  const requests = await client.sender(`${pathOf(key)}/twin`);
  return {
    answers,
    async request(annotations, body = "", id = "r1") {
      const answer = nextMessage(answers);
      const message = { correlation_id: id, message_annotations: annotations };
      expect(await send(requests, body, message as Partial<Message>)).toBe("accepted");
      return answer;
    },
  };
}
