import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Browser, Page } from "playwright-core";
import { type TestHub, startHub } from "../../src/testing/index.ts";
import { type Tab, openTab, startBrowser } from "./browser.ts";
import { makeDeadLetters, sendMessage, startWebhook, uploadFile } from "./operations.ts";
import { signInTo } from "./visitor.ts";

let hub: TestHub;
let browser: Browser;
let directory: string;

beforeAll(async () => {
  hub = await startHub({ ports: "standard" });
  if (hub.portalUrl === null) throw new Error("The portal has not been built: npm run build");
  await hub.createDevice("room-001");
  await hub.createModule("room-001", "climate");
  browser = await startBrowser();
  directory = await mkdtemp(path.join(os.tmpdir(), "twinhub-portal-"));
});

afterAll(async () => {
  await browser?.close();
  await hub?.stop();
  await rm(directory, { recursive: true, force: true });
});

let tab: Tab;
let page: Page;

beforeEach(async () => {
  tab = await openTab(browser);
  page = tab.page;
});

afterEach(async () => {
  await tab.close();
  expect(tab.errors).toEqual([]);
});

function dialog() {
  return page.getByRole("dialog");
}

/** The question before something that can't be undone. */
function question() {
  return page.getByRole("alertdialog");
}

/** What a click on the link of this name downloads. */
async function download(name: string): Promise<{ name: string; text: string }> {
  const waiting = page.waitForEvent("download");
  await page.getByRole("link", { name, exact: true }).click();
  const got = await waiting;
  return { name: got.suggestedFilename(), text: readFileSync(await got.path(), "utf8") };
}

describe("dead letters of a webhook", () => {
  it("are listed with sender, reason and body, and are sent again or discarded", async () => {
    const webhook = await startWebhook();
    await makeDeadLetters(hub, "hook", webhook.url);
    await signInTo(hub, page, "/routes");
    await page.getByRole("link", { name: "2 dead letters of hook" }).click();
    expect(new URL(page.url()).pathname).toBe("/portal/routes/hook/dead-letters");
    const ofModule = page.getByRole("row", { name: /room-001 \/ climate/ });
    await ofModule.getByText('{"temperature":99}').waitFor();
    await ofModule.getByText("refused too often").waitFor();
    await ofModule.getByText("The endpoint answered 500").waitFor();

    await ofModule.getByRole("button", { name: /^Show/ }).click();
    await page.getByLabel("Body", { exact: true }).getByText('"temperature": 99').waitFor();

    webhook.status = 200;
    const before = webhook.bodies.length;
    await ofModule.getByRole("button", { name: /^Retry/ }).click();
    await ofModule.waitFor({ state: "detached" });
    await expect
      .poll(() => {
        hub.clock.advance(5_000);
        return webhook.bodies.slice(before);
      })
      .toEqual([{ temperature: 99 }]);

    const ofDevice = page.getByRole("row", { name: /room-001 .*"door"/ });
    await ofDevice.getByRole("button", { name: /^Discard/ }).click();
    await page.getByText("There are no dead letters").waitFor();
    expect((await hub.call("GET", "/$hub/endpoints/hook")).body.deadLetters).toBe(0);
    expect(webhook.bodies).toHaveLength(before + 1);
    await webhook.close();
  });

  it("are all sent again, or all discarded, when an owner asks; others only see them", async () => {
    const webhook = await startWebhook();
    await makeDeadLetters(hub, "second", webhook.url);
    await signInTo(hub, page, "/routes/second/dead-letters", "service");
    await page.getByRole("row", { name: /room-001 \/ climate/ }).waitFor();
    expect(await page.getByRole("button", { name: /Retry|Discard/ }).count()).toBe(0);
    await page.getByRole("button", { name: /Signed in with/ }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();

    webhook.status = 200;
    const before = webhook.bodies.length;
    await signInTo(hub, page, "/routes/second/dead-letters");
    await page.getByRole("button", { name: "Retry all" }).click();
    await page.getByText("There are no dead letters").waitFor();
    await expect
      .poll(() => {
        hub.clock.advance(5_000);
        return webhook.bodies.slice(before);
      })
      .toEqual([{ door: "open" }, { temperature: 99 }]);

    webhook.status = 500;
    await sendMessage(hub, "room-001/climate", { temperature: 100 });
    await page.getByRole("row", { name: /"temperature":100/ }).waitFor();
    await page.getByRole("button", { name: "Discard all" }).click();
    await question().getByRole("button", { name: "Discard" }).click();
    await page.getByText("There are no dead letters").waitFor();
    await webhook.close();
  });

  it("of an endpoint that is not there lead to a clear message", async () => {
    tab.expectStatus(404);
    await signInTo(hub, page, "/routes/nobody/dead-letters");
    await page.getByText("There is no endpoint 'nobody'").waitFor();
  });
});

describe("import and export", () => {
  it("writes all identities to a file that can be fetched, and reads them back", async () => {
    await signInTo(hub, page, "/transfers");
    await page.getByRole("button", { name: "Export", exact: true }).click();
    await dialog().getByLabel("Folder").fill("~all");
    await dialog().getByRole("button", { name: "Export" }).click();
    await page.getByRole("row", { name: /export ~all completed/ }).waitFor();
    await page.getByRole("button", { name: "Files of ~all" }).click();
    const exported = await download("devices.txt");
    expect(exported.name).toBe("devices.txt");
    const lines = exported.text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(lines).toEqual([
      expect.objectContaining({ id: "room-001" }),
      expect.objectContaining({ id: "room-001", moduleId: "climate" }),
    ]);
    expect(exported.text).not.toMatch(/"primaryKey":"/);

    const file = path.join(directory, "new.txt");
    writeFileSync(
      file,
      [
        { id: "imported", importMode: "createOrUpdate", status: "enabled" },
        { id: "imported", moduleId: "m1", importMode: "createOrUpdate" },
        { id: "bad id", importMode: "create" },
      ]
        .map((line) => `${JSON.stringify(line)}\n`)
        .join(""),
    );
    await page.getByRole("button", { name: "Import", exact: true }).click();
    await dialog().getByLabel("Folder").fill("~in");
    await dialog().getByLabel("File").setInputFiles(file);
    await dialog().getByRole("button", { name: "Import" }).click();
    await page.getByRole("row", { name: /import ~in (completed|failed)/ }).waitFor();
    expect((await hub.call("GET", "/devices/imported/modules/m1")).status).toBe(200);

    await page.getByRole("button", { name: "Files of ~in" }).click();
    const errors = await download("importErrors.log");
    expect(errors.text).toContain("bad id");
    expect(errors.text).not.toContain("imported");

    await page.getByRole("button", { name: "Delete importErrors.log" }).click();
    await question().getByRole("button", { name: "Delete" }).click();
    await page
      .getByRole("link", { name: "importErrors.log", exact: true })
      .waitFor({ state: "detached" });
  });

  it("says why a job was refused", async () => {
    tab.expectStatus(400);
    await page.route("**/jobs/create*", (route) =>
      route.continue({ postData: JSON.stringify({ type: "export" }) }),
    );
    await signInTo(hub, page, "/transfers");
    await page.getByRole("button", { name: "Export", exact: true }).click();
    await dialog().getByRole("button", { name: "Export" }).click();
    await dialog().getByText("The job needs an outputBlobContainerUri").waitFor();
  });

  it("shows those who may only read no files, in which keys may be", async () => {
    await signInTo(hub, page, "/transfers", "registryRead");
    await page.getByRole("row", { name: /export ~all completed/ }).waitFor();
    expect(await page.getByRole("button", { name: /Export|Import|Files/ }).count()).toBe(0);
  });
});

describe("files of a device", () => {
  it("are listed, fetched and deleted; uploads under way and notifications are told", async () => {
    await uploadFile(hub, "room-001", "logs/day one.html");
    await uploadFile(hub, "room-001", "photo.jpg");
    await hub.call("POST", "/devices/room-001/files", { blobName: "video.mp4" });
    await signInTo(hub, page, "/devices/room-001?tab=files");
    await page.getByRole("cell", { name: "video.mp4" }).waitFor();
    await page.getByText("Waiting for a service").waitFor();
    const fetched = await download("logs/day one.html");
    expect(fetched).toEqual({ name: "day one.html", text: '{"content":"logs/day one.html"}' });
    await page.getByRole("button", { name: "Delete photo.jpg" }).click();
    await question().getByRole("button", { name: "Delete" }).click();
    await page.getByRole("link", { name: "photo.jpg" }).waitFor({ state: "detached" });
    const { body } = await hub.call("GET", "/$hub/files/room-001");
    expect(body.files).toHaveLength(1);
  });

  it("come page by page", { timeout: 180_000 }, async () => {
    await hub.createDevice("many");
    for (let index = 100; index < 205; index += 1) {
      const headers = { "x-ms-blob-type": "BlockBlob" };
      await hub.call("PUT", `/uploads/many/f${index}`, {}, headers);
    }
    await signInTo(hub, page, "/devices/many?tab=files");
    await page.getByRole("link", { name: "f199", exact: true }).waitFor();
    await page.getByRole("button", { name: "Next page" }).click();
    await page.getByRole("link", { name: "f204", exact: true }).waitFor();
    expect(await page.getByRole("link", { name: "f199", exact: true }).count()).toBe(0);
    await page.getByRole("button", { name: "Previous page" }).click();
    await page.getByRole("link", { name: "f100", exact: true }).waitFor();
  });

  it("are no matter of modules", async () => {
    await signInTo(hub, page, "/devices/room-001/modules/climate");
    await page.getByRole("tab", { name: "Telemetry" }).waitFor();
    expect(await page.getByRole("tab", { name: "Files" }).count()).toBe(0);
  });
});

describe("an endpoint that is an event log", () => {
  it("is made with its partitions, hours and bytes, is listed with them, can be chosen by a route, and is deleted", async () => {
    await signInTo(hub, page, "/routes");
    await page.getByRole("button", { name: "Add an endpoint" }).click();
    const add = dialog().getByRole("button", { name: "Add", exact: true });
    await dialog().getByLabel("Event log of this hub").click();
    await dialog().getByLabel("Name").fill("audit");
    await dialog().getByLabel("Partitions").fill("2");
    await dialog().getByLabel("Retention, in hours").fill("1.5");
    expect(await add.isDisabled()).toBe(true);
    await dialog().getByLabel("Retention, in hours").fill("48");
    await dialog().getByLabel("Size of a partition").fill("65536");
    await dialog().getByText("64 KiB; beyond it the oldest messages go").waitFor();
    await add.click();
    const listed = "event log, 2 partitions of at most 64 KiB, kept for 48 h";
    await page.getByRole("row", { name: `audit ${listed} healthy` }).waitFor();
    const { body } = await hub.call("GET", "/$hub/endpoints/audit");
    expect(body).toMatchObject({
      type: "log",
      partitionCount: 2,
      retentionTimeInHours: 48,
      maxPartitionBytes: 65_536,
    });
    await page.getByRole("button", { name: "Add a route" }).click();
    await dialog().getByLabel("audit").waitFor();
    await dialog().getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("button", { name: "Delete audit" }).click();
    await question().getByRole("button", { name: "Delete" }).click();
    await page.getByRole("row", { name: /^audit/ }).waitFor({ state: "detached" });
    expect((await hub.call("GET", "/$hub/endpoints/audit")).status).toBe(404);
  });

  it("with more partitions than the hub takes is refused with the reason", async () => {
    tab.expectStatus(400);
    await signInTo(hub, page, "/routes");
    await page.getByRole("button", { name: "Add an endpoint" }).click();
    await dialog().getByLabel("Event log of this hub").click();
    await dialog().getByLabel("Name").fill("wide");
    await dialog().getByLabel("Partitions").fill("1000");
    await dialog().getByRole("button", { name: "Add", exact: true }).click();
    await dialog().getByText("ArgumentInvalid").waitFor();
    await dialog()
      .getByText(/partitionCount/)
      .waitFor();
    expect(await dialog().getByLabel("Name").inputValue()).toBe("wide");
  });
});

describe("consumer groups", () => {
  it("are made and deleted; the default one stays", async () => {
    await signInTo(hub, page, "/consumer-groups");
    await page.getByRole("row", { name: /\$Default .*always there/ }).waitFor();
    await page.getByRole("button", { name: "Create a consumer group" }).click();
    await dialog().getByLabel("Name").fill("billing");
    await dialog().getByRole("button", { name: "Create" }).click();
    await page.getByRole("cell", { name: "billing", exact: true }).waitFor();
    const names = async (): Promise<unknown> =>
      (await hub.call("GET", "/$hub/consumer-groups")).body.map(
        ({ name }: { name: string }) => name,
      );
    expect(await names()).toEqual(["$Default", "billing"]);
    await page.getByRole("button", { name: "Delete billing" }).click();
    await question().getByRole("button", { name: "Delete" }).click();
    await page.getByText("Deleted the consumer group billing").first().waitFor();
    expect(await names()).toEqual(["$Default"]);
  });

  it("with names that Event Hubs does not take are refused with the reason", async () => {
    tab.expectStatus(400);
    await signInTo(hub, page, "/consumer-groups");
    await page.getByRole("button", { name: "Create a consumer group" }).click();
    await dialog().getByLabel("Name").fill("no spaces");
    await dialog().getByRole("button", { name: "Create" }).click();
    await dialog()
      .getByText(/must be 1 to 50 letters/)
      .waitFor();
  });

  it("of an endpoint that is a log are its own, and the address says which log it is", async () => {
    await hub.call("PUT", "/$hub/endpoints/alarms", { type: "log" });
    await signInTo(hub, page, "/consumer-groups");
    await page.getByLabel("Event log").selectOption("alarms");
    await expect.poll(() => page.url()).toContain("/consumer-groups?endpoint=alarms");
    await page.getByRole("button", { name: "Create a consumer group" }).click();
    await dialog().getByLabel("Name").fill("pager");
    await dialog().getByRole("button", { name: "Create" }).click();
    await page.getByRole("cell", { name: "pager", exact: true }).waitFor();
    await page.getByLabel("Event log").selectOption("events");
    await page.getByRole("cell", { name: "pager", exact: true }).waitFor({ state: "detached" });
    const { body } = await hub.call("GET", "/$hub/consumer-groups?endpoint=alarms");
    expect(body).toMatchObject([{ name: "$Default" }, { name: "pager" }]);
    await page.goto(`https://${hub.hostName}/portal/routes`);
    await page.getByRole("row", { name: /alarms event log, \d+ partitions/ }).waitFor();
  });

  it("are only shown to those who don't own the hub", async () => {
    await signInTo(hub, page, "/consumer-groups", "service");
    await page.getByRole("cell", { name: "$Default" }).waitFor();
    expect(await page.getByRole("button", { name: /Create|Delete/ }).count()).toBe(0);
  });
});
