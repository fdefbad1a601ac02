import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type TestHub, both, startTestHub } from "./testing/test-hub.ts";

let test: TestHub;
beforeEach(async () => {
  test = await startTestHub();
});
afterEach(() => test.head.stop());

describe("a peer that has not proven itself", () => {
  it("is cut off at the seventeenth session", async () => {
    const client = await test.open();
    for (let sessions = 1; sessions < 17; sessions += 1) client.newSession();
    expect(await client.closed).toMatchObject({ condition: "amqp:connection:framing-error" });
  });

  it("is cut off at the seventeenth link", async () => {
    const client = await test.open();
    for (let links = 0; links < 17; links += 1)
      client.sender("$cbs", { name: `link ${links}` }).catch(() => undefined);
    expect(await client.closed).toMatchObject({ condition: "amqp:connection:framing-error" });
  });

  it.each(both)("may open as many as others once it has put the token of a %s", async (_, key) => {
    const client = await test.open();
    expect(await client.putToken(test.token(key))).toMatchObject({ status: 200 });
    for (let sessions = 1; sessions < 40; sessions += 1) client.newSession();
    expect(await client.putToken(test.token(key))).toMatchObject({ status: 200 });
    client.close();
    await client.closed;
  });
});
