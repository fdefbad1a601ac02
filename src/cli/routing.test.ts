import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CliHub } from "../../test/support/cli-hub.ts";

let cli: CliHub;
beforeAll(async () => {
  cli = await CliHub.start();
});
afterAll(() => cli.stop());

const twinhub = (...args: readonly string[]) => cli.twinhub(...args);
const json = (...args: readonly string[]) => cli.json(...args);

describe("twinhub message-route", () => {
  it("creates, shows, changes, lists and deletes routes with the options of az", async () => {
    const made = await json(
      "message-route",
      "create",
      "--route-name",
      "r1",
      "--source",
      "twinchangeevents",
      "--endpoint-name",
      "events",
      "--condition",
      "$body.version > 3",
      "--enabled",
      "false",
    );
    expect(made).toMatchObject({
      name: "r1",
      source: "TwinChangeEvents",
      condition: "$body.version > 3",
      endpointNames: ["events"],
      isEnabled: false,
    });
    expect(await json("route", "show", "--rn", "r1")).toEqual(made);
    const changed = await json("message-route", "update", "--rn", "r1", "--enabled", "true");
    expect(changed).toMatchObject({ isEnabled: true, condition: "$body.version > 3" });
    await json("message-route", "create", "--rn", "r2", "--en", "events");
    expect(await json("message-route", "list", "--source-type", "DeviceMessages")).toMatchObject([
      { name: "r2", condition: "" },
    ]);
    const table = await twinhub("message-route", "list", "-o", "table");
    expect(table.out).toMatch(/^ROUTE +SOURCE +CONDITION +ENDPOINTS +ENABLED\nr1 /);
    for (const name of ["r1", "r2"]) await json("message-route", "delete", "--rn", name);
    expect(await json("message-route", "list")).toEqual([]);
  });

  it("says where a condition does not compile, and refuses unknown sources", async () => {
    const make = (...args: readonly string[]) =>
      twinhub("message-route", "create", "--rn", "r3", "--en", "events", ...args);
    const broken = await make("-c", "level = 3");
    expect(broken.code).toBe(1);
    expect(broken.err).toContain("line 1, column 7");
    const unknown = await make("-s", "elsewhere");
    expect([unknown.code, unknown.err]).toEqual([
      2,
      expect.stringMatching(/^error: --source must be one of DeviceMessages,/),
    ]);
    expect((await twinhub("message-route", "update", "--rn", "r3")).code).toBe(2);
  });

  it("tries a message with one route, one condition, or all routes", async () => {
    await json("message-route", "create", "--rn", "hot", "--en", "events", "-c", "$body.t > 20");
    writeFileSync(
      path.join(cli.directory, "system.json"),
      '{"contentType":"application/json","contentEncoding":"utf-8"}',
    );
    const test = (...args: readonly string[]) =>
      json("message-route", "test", "-b", '{"t":30}', "--sp", "@system.json", ...args);
    expect(await test("--rn", "hot")).toMatchObject({ result: "true" });
    expect(await test("-c", "level = 'x'", "--ap", '{"level":"y"}')).toMatchObject({
      result: "false",
    });
    expect(await test("-c", "$twin.tags.a = 1", "--twin", '{"tags":{"a":1}}')).toMatchObject({
      result: "true",
    });
    expect(await test("-c", "level ==")).toMatchObject({
      result: "false",
      details: { compilationErrors: [{ location: { start: { line: 1, column: 8 } } }] },
    });
    expect(await test()).toMatchObject({ routes: [{ properties: { name: "hot" } }] });
    await json("message-route", "delete", "--rn", "hot");
  });

  it("turns the fallback route off and on", async () => {
    expect(await json("message-route", "fallback", "show")).toMatchObject({ isEnabled: true });
    const off = await json("message-route", "fallback", "set", "--enabled", "false");
    expect(off).toMatchObject({ name: "$fallback", isEnabled: false });
    await json("message-route", "fallback", "set", "--enabled");
    expect(await json("message-route", "fallback", "show")).toMatchObject({ isEnabled: true });
  });
});

describe("twinhub message-endpoint", () => {
  it("creates, changes, shows, lists and deletes endpoints, and never prints a secret", async () => {
    writeFileSync(path.join(cli.directory, "secret.txt"), "s3cret\n");
    const made = await json(
      "message-endpoint",
      "create",
      "--en",
      "hook",
      "--url",
      "https://example.com/in",
      "--secret",
      "@secret.txt",
      "--timeout",
      "5",
    );
    expect(made).toMatchObject({
      name: "hook",
      type: "webhook",
      timeoutSeconds: 5,
      maxDeliveryCount: 10,
      hasSecret: true,
    });
    expect(JSON.stringify(made)).not.toContain("s3cret");
    const update = (...args: readonly string[]) =>
      json("endpoint", "update", "--en", "hook", ...args);
    expect(await update("--batch-size", "7")).toMatchObject({
      maxBatchSize: 7,
      timeoutSeconds: 5,
      hasSecret: true,
    });
    expect(await update("--remove-secret")).toMatchObject({ hasSecret: false });
    const table = await twinhub("message-endpoint", "list", "-o", "table");
    expect(table.out).toMatch(
      /^ENDPOINT .*HEALTH.*\nhook +webhook +https:\S+ +unknown +0 +0 +-\n$/,
    );
    expect(await json("message-endpoint", "dead-letters", "list", "--en", "hook")).toEqual([]);
    expect(await json("message-endpoint", "dead-letters", "purge", "--en", "hook")).toEqual({
      totalMessagesPurged: 0,
    });
    const retry = ["message-endpoint", "dead-letters", "retry", "--en", "hook"];
    expect(await json(...retry, "--all")).toEqual({ totalMessagesRetried: 0 });
    const one = await twinhub(...retry, "--id", "17");
    expect([one.code, one.err]).toEqual([1, expect.stringContaining("no dead letter '17'")]);
    expect((await twinhub(...retry)).code).toBe(2);
    const other = await twinhub("endpoint", "dead-letters", "delete", "--en", "hook", "--id", "17");
    expect(other.err).toContain("no dead letter '17'");
    await json("message-endpoint", "delete", "--en", "hook");
    expect((await twinhub("message-endpoint", "show", "--en", "hook")).code).toBe(1);
  });
});

describe("twinhub message-endpoint --type log", () => {
  it("makes an event log, and says how clients of Event Hubs read it", async () => {
    const made = await json(
      "message-endpoint",
      "create",
      "--en",
      "alarms",
      "--type",
      "log",
      "--partition-count",
      "2",
    );
    expect(made).toMatchObject({ type: "log", partitionCount: 2 });
    expect(made.eventHubConnectionString).toMatch(
      /^Endpoint=sb:\/\/.*;SharedAccessKeyName=iothubowner;SharedAccessKey=[^;]+;EntityPath=alarms$/,
    );
    expect(await json("endpoint", "show", "--en", "alarms")).toEqual(made);
    const args = ["endpoint", "update", "--en", "alarms", "--retention-hours", "48"];
    expect(await json(...args)).toMatchObject({ retentionTimeInHours: 48, partitionCount: 2 });
    expect(await json("consumer-group", "create", "-n", "g", "--en", "alarms")).toMatchObject({
      name: "g",
    });
    const groups = await json("consumer-group", "list", "--en", "alarms");
    expect(groups.map(({ name }: { name: string }) => name)).toEqual(["$Default", "g"]);
    await json("endpoint", "delete", "--en", "alarms");
  });

  it("asks for an address where there is none", async () => {
    const { code, err } = await twinhub("endpoint", "create", "--en", "hook");
    expect(code).not.toBe(0);
    expect(err).toMatch(/A webhook needs --url, an event log --type log/);
  });
});

describe("twinhub message-enrichment", () => {
  it("creates, changes, shows, lists and deletes enrichments", async () => {
    const made = await json(
      "message-enrichment",
      "create",
      "--key",
      "site",
      "--value",
      "$twin.tags.site",
      "--endpoints",
      "events",
    );
    expect(made).toMatchObject({
      key: "site",
      value: "$twin.tags.site",
      endpointNames: ["events"],
    });
    expect(await json("enrichment", "update", "-k", "site", "-v", "x")).toMatchObject({
      value: "x",
      endpointNames: ["events"],
    });
    expect(await json("message-enrichment", "list")).toMatchObject([{ key: "site" }]);
    await json("message-enrichment", "delete", "-k", "site");
    expect(await json("message-enrichment", "list")).toEqual([]);
  });
});
