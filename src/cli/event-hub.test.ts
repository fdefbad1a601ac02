import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CliHub, type RunningCommand } from "../../test/support/cli-hub.ts";
import type { TestHub } from "../testing/start-hub.ts";

let cli: CliHub;
let hub: TestHub;
beforeAll(async () => {
  cli = await CliHub.start();
  ({ hub } = cli);
  await hub.createDevice("d1");
  await hub.createDevice("d2");
});
afterAll(() => cli.stop());

const start = (...args: readonly string[]): RunningCommand => cli.start(args);
const json = (...args: readonly string[]) => cli.json(...args);

describe("twinhub consumer-group", () => {
  it("creates, lists and deletes", async () => {
    expect(await json("consumer-group", "create", "-n", "Analytics")).toMatchObject({
      name: "Analytics",
    });
    const names = (await json("consumer-group", "list")).map(({ name }: { name: string }) => name);
    expect(names).toEqual(["$Default", "Analytics"]);
    const table = start("consumer-group", "list", "-o", "table");
    await table.done;
    expect(table.out).toMatch(/^NAME +CREATED\n\$Default +\d{4}-/);
    expect(await json("consumer-group", "delete", "--name", "analytics")).toBeNull();
  });

  it("says what is wrong", async () => {
    const cases: [string[], RegExp][] = [
      [["delete", "-n", "nobody"], /^error: GenericNotFound/],
      [["delete", "-n", "$Default"], /^error: InvalidOperation/],
      [["create", "-n", "a b"], /^error: ArgumentInvalid/],
    ];
    for (const [args, message] of cases) {
      const running = start("consumer-group", ...args);
      expect(await running.done).toBe(1);
      expect(running.err).toMatch(message);
    }
  });
});

describe("the Event Hubs connection string", () => {
  it("is the same in env as from the hub, and shown with policies that may read", async () => {
    const { eventHubConnectionString: own } = await json("policy", "show", "--pn", "service");
    expect(own).toBe(hub.eventHubConnectionString);
    const env = await json("env", "-o", "json");
    expect(env.EVENTHUB_CONNECTION_STRING).toMatch(
      /^Endpoint=sb:\/\/127\.0\.0\.1:\d+\/;SharedAccessKeyName=iothubowner;SharedAccessKey=[^;]{44};EntityPath=127\.0\.0\.1$/,
    );
    expect(await json("policy", "show", "--pn", "device")).not.toHaveProperty(
      "eventHubConnectionString",
    );
  });
});

describe("twinhub monitor-feedback", () => {
  /** Sends a message that ends at once. */
  async function end(deviceId: string, id: string): Promise<void> {
    await json(
      "c2d-message",
      "send",
      "-d",
      deviceId,
      "--data",
      "x",
      "--ack",
      "full",
      "--message-id",
      id,
    );
    await json("c2d-message", "purge", "-d", deviceId);
    hub.clock.advance(15_000);
  }

  it("shows how messages ended, and ends with the one that was waited for", async () => {
    const running = start("monitor-feedback", "-w", "second");
    await end("d1", "first");
    await expect.poll(() => running.out).toMatch(/^\S+Z d1 first Purged\n$/);
    expect(running.err).toBe("Waiting for feedback; Ctrl+C ends this.\n");
    await end("d2", "second");
    expect(await running.done).toBe(0);
    expect(running.out.split("\n")[1]).toMatch(/ d2 second Purged$/);
  });

  it("shows that of one device as JSON, until it is ended", async () => {
    const running = start("monitor-feedback", "-d", "d2", "-o", "json");
    await end("d1", "m1");
    await end("d2", "m2");
    await expect.poll(() => running.out).not.toBe("");
    running.stop();
    expect(await running.done).toBe(0);
    expect(JSON.parse(running.out)).toMatchObject({
      feedback: { deviceId: "d2", originalMessageId: "m2", statusCode: "Purged" },
    });
  });
});
