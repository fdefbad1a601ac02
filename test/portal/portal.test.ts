import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Browser, Page } from "playwright-core";
import { type TestHub, startHub } from "../../src/testing/index.ts";
import { type Tab, desktop, openTab, picture, picturesWanted, startBrowser } from "./browser.ts";
import { type Simulated, makeFleet } from "./fleet.ts";

let hub: TestHub;
let fleet: readonly Simulated[];
let browser: Browser;
let address: string;

beforeAll(async () => {
  hub = await startHub({ ports: "standard" });
  if (hub.portalUrl === null) throw new Error("The portal has not been built: npm run build");
  address = `https://${hub.hostName}`;
  fleet = await makeFleet(hub);
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.close();
  for (const one of fleet ?? []) await one.close();
  await hub?.stop();
});

let tab: Tab;
let page: Page;

beforeEach(async () => {
  tab = await openTab(browser, desktop);
  page = tab.page;
});

afterEach(async () => {
  await tab.close();
  expect(tab.errors).toEqual([]);
});

async function signIn(path = "/", policy = "iothubowner"): Promise<void> {
  await page.goto(`${address}/portal${path}`);
  await page
    .getByLabel("Service connection string")
    .fill(hub.connectionStrings[policy] ?? "unknown policy");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator(".bar").waitFor();
}

/** The text of the editor with this name. */
function editor(name: string) {
  return page.getByRole("textbox", { name, exact: true });
}

function dialog() {
  return page.getByRole("dialog");
}

async function write(name: string, text: string): Promise<void> {
  await editor(name).click();
  await page.keyboard.press("Control+A");
  await page.keyboard.press("Delete");
  await page.keyboard.insertText(text);
}

const climate = "/devices/room-001/modules/climate";

describe("signing in", () => {
  it("takes the link that the hub prints, once", async () => {
    await page.goto(hub.portalUrl ?? "");
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    expect(page.url()).toBe(`${address}/portal/`);

    const second = await openTab(browser);
    second.expectStatus(401);
    await second.page.goto(hub.portalUrl ?? "");
    await second.page.getByText("This link has been used").waitFor();
    expect(second.page.url()).not.toContain("code");
    await second.close();
    expect(second.errors).toEqual([]);
  });

  it("takes a connection string without sending its key, and stays at the address asked for", async () => {
    const sent: string[] = [];
    page.on("request", (request) => {
      sent.push(JSON.stringify(request.headers()) + (request.postData() ?? ""));
    });
    await signIn("/connections");
    await page.getByRole("heading", { name: "Connections", exact: true }).waitFor();
    expect(page.url()).toBe(`${address}/portal/connections`);
    const key = /SharedAccessKey=(.*)$/.exec(hub.connectionString)?.[1] ?? "";
    expect(sent.length).toBeGreaterThan(3);
    expect(sent.some((text) => text.includes(key) || text.includes(encodeURIComponent(key)))).toBe(
      false,
    );
  });

  it("says what is wrong with a connection string", async () => {
    tab.expectStatus(401);
    await page.goto(`${address}/portal/`);
    await page.getByRole("heading", { name: "Sign in to twinhub" }).waitFor();
    await picture(page, "portal-sign-in");
    const field = page.getByLabel("Service connection string");
    const enter = page.getByRole("button", { name: "Sign in" });
    await field.fill("HostName=x");
    await enter.click();
    await page.getByText("The text has no SharedAccessKeyName=").waitFor();
    await field.fill(hub.connectionString.replace(/.{4}=$/, "AAAA="));
    await enter.click();
    await page.getByText("The hub does not accept this connection string").waitFor();
  });

  it("keeps the session out of reach of scripts, and ends it at sign-out", async () => {
    await signIn();
    expect(await page.evaluate<string>("document.cookie")).toBe("");
    const [cookie] = await tab.context.cookies();
    expect(cookie).toMatchObject({ httpOnly: true, secure: true, sameSite: "Strict" });
    await page.getByRole("button", { name: /Signed in with/ }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in to twinhub" }).waitFor();
    expect(await tab.context.cookies()).toEqual([]);
  });

  it("offers no more than the policy may do", async () => {
    await signIn("/devices/room-001", "registryRead");
    await page.getByText("This policy sees no twins").waitFor();
    expect(await page.getByRole("button", { name: "Delete" }).count()).toBe(0);
    await page.goto(`${address}/portal/devices`);
    await page.getByRole("link", { name: "room-001" }).waitFor();
    expect(await page.getByRole("button", { name: "Create a device" }).count()).toBe(0);
    await page.goto(`${address}/portal/policies`);
    await page.getByText("Only owners see the policies").waitFor();
  });
});

describe("the fleet", () => {
  it("is counted on the overview, which plots what comes in", { timeout: 120_000 }, async () => {
    await signIn();
    await page.getByRole("link", { name: /^Modules 20/ }).waitFor();
    await page.getByRole("link", { name: /^Connected now 3/ }).waitFor();
    await fleet[0]?.send({ temperature: 25.5 });
    await page.getByText('{"temperature":25.5}').waitFor();
    await page.locator(".plot canvas").waitFor();
    if (!picturesWanted) return;
    for (let second = 1; second <= 40; second += 1) {
      for (const one of fleet) {
        await one.send({ temperature: 20 + (second % 7), humidity: 40 + (second % 5) });
        if (second % 3 === 0) await one.report({ climate: { temperature: 20 + (second % 7) } });
      }
      await page.waitForTimeout(900);
    }
    await picture(page, "portal-overview");
  });

  it("is listed and filtered by the beginning of an id and by a condition, in the address too", async () => {
    await signIn("/devices");
    await page.getByText("10 devices").waitFor();
    await page.getByLabel("Device id begins with").fill("room-00");
    await page.getByText("9 devices").waitFor();
    await page.getByLabel("Condition").fill("status = 'disabled'");
    await page.getByRole("button", { name: "Filter" }).click();
    await page.getByText("No device fits").waitFor();
    await page.goto(`${address}/portal/devices?where=status%20%3D%20'disabled'`);
    await page.getByRole("link", { name: "room-010" }).waitFor();
    await page.getByText("1 device", { exact: true }).waitFor();
    await picture(page, "portal-devices");
    await page.evaluate("globalThis.samePage = true");
    await page.getByRole("link", { name: "room-010" }).click();
    await page.getByRole("heading", { name: "room-010" }).waitFor();
    expect(page.url()).toBe(`${address}/portal/devices/room-010`);
    expect(await page.evaluate<boolean>("globalThis.samePage")).toBe(true);
  });

  it("grows by a device with keys, which can be shown, copied, disabled and deleted", async () => {
    await signIn("/devices");
    await page.getByRole("button", { name: "Create a device" }).click();
    await dialog().getByLabel("Device id").fill("new#1");
    await page.getByRole("button", { name: "Create", exact: true }).click();
    await page.getByRole("heading", { name: "new#1" }).waitFor();
    await page.getByRole("tab", { name: "Identity and keys" }).click();
    expect(page.url()).toBe(`${address}/portal/devices/new%231?tab=identity`);
    const stored = await hub.call("GET", "/devices/new%231");
    const key: string = stored.body.authentication.symmetricKey.primaryKey;
    expect(await page.getByText(key).count()).toBe(0);
    await page.getByRole("button", { name: "Show Primary key" }).click();
    await page.getByText(key, { exact: true }).waitFor();
    await page.getByRole("button", { name: "Copy Primary connection string" }).click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    expect(await page.evaluate<string>("navigator.clipboard.readText()")).toBe(
      `HostName=${hub.hostName};DeviceId=new#1;SharedAccessKey=${key}`,
    );

    await page.getByLabel("Enabled: may connect").click();
    await page.getByLabel("Disabled: may not connect").waitFor();
    expect((await hub.call("GET", "/devices/new%231")).body.status).toBe("disabled");

    await page.getByRole("button", { name: "Replace the primary key" }).click();
    await page.getByRole("button", { name: "Replace", exact: true }).click();
    await page.getByText("The key has been replaced").first().waitFor();
    const renewed = await hub.call("GET", "/devices/new%231");
    expect(renewed.body.authentication.symmetricKey.primaryKey).not.toBe(key);

    await page.getByRole("button", { name: "Delete" }).click();
    const confirm = page.getByRole("alertdialog").getByRole("button", { name: "Delete" });
    expect(await confirm.isDisabled()).toBe(true);
    await page.getByLabel("Write new#1 to confirm").fill("new#1");
    tab.expectStatus(404);
    await confirm.click();
    await page.getByRole("heading", { name: "Devices" }).waitFor();
    expect((await hub.call("GET", "/devices/new%231")).status).toBe(404);
  });

  it("grows by modules with thumbprints or a CA", async () => {
    await signIn("/devices/room-002?tab=modules");
    await page.getByRole("button", { name: "Create a module" }).click();
    await dialog().getByLabel("Module id").fill("pinned");
    await page.getByLabel("X.509 thumbprints").click();
    await dialog().getByLabel("Primary thumbprint").fill("AB".repeat(20));
    await page.getByRole("button", { name: "Create", exact: true }).click();
    await page.getByRole("link", { name: "pinned" }).waitFor();
    await page.getByRole("button", { name: "Create a module" }).click();
    await dialog().getByLabel("Module id").fill("chained");
    await page.getByLabel("X.509 by CA").click();
    await page.getByRole("button", { name: "Create", exact: true }).click();
    await page.getByRole("link", { name: "chained" }).waitFor();
    const pinned = (await hub.call("GET", "/devices/room-002/modules/pinned")).body;
    expect(pinned.authentication.x509Thumbprint.primaryThumbprint).toBe("AB".repeat(20));
    const chained = (await hub.call("GET", "/devices/room-002/modules/chained")).body;
    expect(chained.authentication.type).toBe("certificateAuthority");
    for (const id of ["pinned", "chained"])
      await hub.call("DELETE", `/devices/room-002/modules/${id}`, undefined, { "if-match": "*" });
  });

  it("shows IoT Hub's own error when an id is taken", async () => {
    tab.expectStatus(409);
    await signIn("/devices");
    await page.getByRole("button", { name: "Create a device" }).click();
    await dialog().getByLabel("Device id").fill("room-001");
    await page.getByRole("button", { name: "Create", exact: true }).click();
    await page.getByText("DeviceAlreadyExists").first().waitFor();
  });
});

describe("a twin", () => {
  it("shows what the module reports as it comes, and when each value was written", async () => {
    await signIn(climate);
    await editor("Reported").getByText("1.4.2").waitFor();
    await fleet[0]?.report({ battery: 42 });
    await editor("Reported").getByText("42").waitFor();
    await page
      .getByRole("button", { name: /^Reported \d+/ })
      .first()
      .click();
    await page.getByLabel("Change", { exact: true }).getByText('"battery": 42').waitFor();
    await page.getByRole("cell", { name: "battery", exact: true }).waitFor();
    await picture(page, "portal-twin");
  });

  it("is saved as its effective patch, which the module receives", async () => {
    await signIn(climate);
    await editor("Desired").getByText("intervalSeconds").waitFor();
    await write("Desired", '{"climate":{"minTemperature":18,"maxTemperature":24}}');
    const patch = page.getByLabel("Patch");
    expect(JSON.parse((await patch.textContent()) ?? "")).toEqual({
      properties: { desired: { climate: { minTemperature: 18 }, intervalSeconds: null } },
    });
    await page.getByRole("button", { name: "Save" }).click();
    await page
      .getByText(/^Saved version/)
      .first()
      .waitFor();
    await expect
      .poll(() => fleet[0]?.desired.at(-1))
      .toMatchObject({ climate: { minTemperature: 18 }, intervalSeconds: null });
    await patch.waitFor({ state: "detached" });
  });

  it("is checked by the hub's limits while it is written", async () => {
    await signIn(climate);
    await editor("Tags").getByText("berlin").waitFor();
    await write("Tags", '{"a.b":1}');
    await page.getByText("Name of Property or Tag cannot contain '.'").first().waitFor();
    expect(await page.getByRole("button", { name: "Save" }).count()).toBe(0);
    await page.getByRole("button", { name: "Discard" }).click();
    await editor("Tags").getByText("berlin").waitFor();
  });

  it("that somebody else has changed meanwhile is put together in a three-way view", async () => {
    tab.expectStatus(412);
    await signIn("/devices/room-004/modules/climate");
    await editor("Desired").getByText("intervalSeconds").waitFor();
    await write(
      "Desired",
      '{"climate":{"minTemperature":1,"maxTemperature":24},"intervalSeconds":30}',
    );
    await hub.call("PATCH", "/twins/room-004/modules/climate", {
      properties: { desired: { climate: { maxTemperature: 30 }, intervalSeconds: 90 } },
    });
    await page.getByRole("button", { name: "Save" }).click();
    const view = dialog();
    await view.getByText("1 value was changed on both sides").waitFor();
    await view.getByRole("cell", { name: "desired.intervalSeconds", exact: true }).waitFor();
    await view.locator(".cm-mergeView").waitFor();
    await picture(page, "portal-three-way");
    await view.getByLabel("theirs").click();
    await view.getByRole("button", { name: "Use this result" }).click();
    await page.getByRole("button", { name: "Save" }).click();
    await page
      .getByText(/^Saved version/)
      .first()
      .waitFor();
    const { body } = await hub.call("GET", "/twins/room-004/modules/climate");
    expect(body.properties.desired).toMatchObject({
      climate: { minTemperature: 1, maxTemperature: 30 },
      intervalSeconds: 90,
    });
  });

  it("of a device is edited like that of a module", async () => {
    await signIn("/devices/room-005");
    await editor("Desired").waitFor();
    await write("Desired", '{"mode":"eco"}');
    await page.getByRole("button", { name: "Save" }).click();
    await page
      .getByText(/^Saved version/)
      .first()
      .waitFor();
    const { body } = await hub.call("GET", "/twins/room-005");
    expect(body.properties.desired).toMatchObject({ mode: "eco" });
  });
});

describe("working with devices and modules", () => {
  it("calls direct methods and shows the answer", async () => {
    await signIn(`${climate}?tab=methods`);
    await page.getByRole("textbox", { name: "Method" }).fill("reboot");
    await write("Payload", '{"in":5}');
    await page.getByRole("button", { name: "Call" }).click();
    await page.getByText("status 200").waitFor();
    const answer = (await page.getByLabel("Answer of reboot").textContent()) ?? "";
    expect(JSON.parse(answer)).toEqual({ done: "reboot", echo: { in: 5 } });
    await picture(page, "portal-methods");
  });

  it("tells that a client is not connected", async () => {
    tab.expectStatus(404);
    await signIn("/devices/room-009/modules/door?tab=methods");
    await page.getByRole("textbox", { name: "Method" }).fill("reboot");
    await page.getByRole("button", { name: "Call" }).click();
    await page.getByText("DeviceNotOnline").waitFor();
    await page.getByText("Direct methods reach connected clients only.").waitFor();
  });

  it("sends messages to devices and purges those that wait", async () => {
    await signIn("/devices/room-006?tab=messages");
    await page.getByLabel("Body").fill("open the door");
    await page.getByLabel("Properties").fill("urgent=yes");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("1 of 50 waiting").waitFor();
    await page.getByRole("button", { name: "Purge the queue" }).click();
    await page.getByRole("button", { name: "Purge", exact: true }).click();
    await page.getByText("0 of 50 waiting").waitFor();
  });

  it("shows telemetry live, by module, with body and properties", async () => {
    await signIn("/telemetry?deviceId=room-002&moduleId=climate");
    await page.getByText("live", { exact: true }).waitFor();
    await fleet[0]?.send({ other: true });
    await fleet[1]?.send({ temperature: 31.25 });
    const line = page.getByRole("button", { name: /31\.25/ });
    await line.click();
    await page.getByLabel("Body").getByText('"temperature": 31.25').waitFor();
    await page.getByText("level", { exact: true }).waitFor();
    expect(await page.getByText("other").count()).toBe(0);
    await picture(page, "portal-telemetry");
  });

  it("queries twins and links to them", async () => {
    await signIn(
      "/query?q=SELECT%20deviceId%2C%20moduleId%20FROM%20devices.modules%20WHERE%20tags.site%20%3D%20'bonn'",
    );
    await page.getByText("5 rows").waitFor();
    await picture(page, "portal-query");
    await page.getByRole("link", { name: "climate" }).first().click();
    await page.getByRole("heading", { name: "climate" }).waitFor();
    expect(page.url()).toContain("/portal/devices/room-006/modules/climate");
  });

  it("shows where a query is wrong", async () => {
    tab.expectStatus(400);
    await signIn("/query?q=SELECT%20FROM%20devices");
    await page.getByText("ArgumentInvalid").waitFor();
  });

  it("lists who is connected and why others are not", async () => {
    await hub.createDevice("gone");
    const { primaryKey } = await hub.createModule("gone", "m1");
    const { simulate } = await import("./fleet.ts");
    const client = await simulate(
      hub,
      `HostName=${hub.hostName};DeviceId=gone;ModuleId=m1;SharedAccessKey=${primaryKey}`,
    );
    await signIn("/connections");
    await page.getByRole("link", { name: "gone / m1" }).waitFor();
    await client.close();
    await page.getByText("the client left").first().waitFor();
    await hub.call("DELETE", "/devices/gone", undefined, { "if-match": "*" });
  });

  it("follows the changes of what fits a condition", async () => {
    await signIn("/changes?where=tags.site%20%3D%20'bonn'");
    await page.getByText("live", { exact: true }).waitFor();
    await hub.call("PATCH", "/twins/room-007/modules/climate", { tags: { floor: 42 } });
    await page.getByText('{"tags":{"floor":42}}').waitFor();
    expect(await page.getByRole("link", { name: "room-001 / climate" }).count()).toBe(0);
  });
});

describe("working with many at once", () => {
  it("runs a job over devices and shows what became of it", async () => {
    await signIn("/jobs");
    await page.getByRole("button", { name: "Create a job" }).click();
    await dialog().getByLabel("Job id").fill("eco-mode");
    await dialog().getByLabel("For which devices").fill("deviceId IN ['room-007', 'room-008']");
    await write("Patch", '{"properties":{"desired":{"mode":"eco"}}}');
    await dialog().getByRole("button", { name: "Create" }).click();
    await page.getByText("2 of 2").waitFor();
    await page.getByText("completed", { exact: true }).first().waitFor();
    await page.getByRole("button", { name: "Results of eco-mode" }).click();
    await page.getByRole("cell", { name: "room-008", exact: true }).waitFor();
    await picture(page, "portal-jobs");
    const { body } = await hub.call("GET", "/twins/room-008");
    expect(body.properties.desired.mode).toBe("eco");
  });

  it("keeps modules as a configuration wants them", async () => {
    await signIn("/configurations");
    await page.getByRole("button", { name: "Create a configuration" }).click();
    await dialog().getByLabel("Id").fill("bonn-interval");
    await dialog().getByLabel("Target").fill("from devices.modules where tags.site = 'bonn'");
    await write("Content", '{"moduleContent":{"properties.desired.intervalSeconds":15}}');
    await dialog().getByRole("button", { name: "Save" }).click();
    await page.getByRole("heading", { name: "bonn-interval" }).waitFor();
    await expect
      .poll(async () => {
        const { body } = await hub.call("GET", "/twins/room-009/modules/climate");
        return body.properties.desired.intervalSeconds as unknown;
      })
      .toBe(15);
    await page.getByRole("button", { name: "Delete bonn-interval" }).click();
    await page.getByLabel("Write bonn-interval to confirm").fill("bonn-interval");
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByText("There are no configurations yet").waitFor();
  });
});

describe("owning the hub", () => {
  it("adds, regenerates and deletes policies", async () => {
    await signIn("/policies");
    await page.getByRole("button", { name: "Add a policy" }).click();
    await dialog().getByLabel("Name").fill("dashboards");
    await page.getByLabel(/^ServiceConnect/).click();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("heading", { name: "dashboards" }).waitFor();
    const before = (await hub.call("GET", "/$hub/policies/dashboards")).body;
    expect(before.rights).toEqual(["ServiceConnect"]);

    const menu = page.getByRole("button", { name: "Change the policy dashboards" });
    await menu.click();
    await page.getByRole("menuitem", { name: "Regenerate the primary key" }).click();
    await page.getByRole("button", { name: "Regenerate" }).click();
    await page.getByText("dashboards has a new primary key").first().waitFor();
    const after = (await hub.call("GET", "/$hub/policies/dashboards")).body;
    expect(after.primaryKey).not.toBe(before.primaryKey);
    expect(after.secondaryKey).toBe(before.secondaryKey);
    await picture(page, "portal-policies");

    await menu.click();
    await page.getByRole("menuitem", { name: "Delete" }).click();
    await page.getByLabel("Write dashboards to confirm").fill("dashboards");
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByText("Deleted the policy dashboards").first().waitFor();
    expect((await hub.call("GET", "/$hub/policies/dashboards")).status).toBe(404);
  });

  it("makes routes and tries their conditions", async () => {
    await signIn("/routes");
    await page.getByRole("button", { name: "Add a route" }).click();
    await dialog().getByLabel("Name").fill("hot");
    await page.getByLabel("Condition").fill("$body.temperature > 30");
    await page.getByRole("button", { name: "Try" }).click();
    await page.getByText("The condition is true").waitFor();
    await page.getByLabel("Condition").fill("$body.temperature >");
    await page.getByRole("button", { name: "Try" }).click();
    await page.getByText(/^Line 1, column/).waitFor();
    await page.getByLabel("Condition").fill("$body.temperature > 30");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("cell", { name: "hot", exact: true }).waitFor();
    await page.getByRole("button", { name: "Delete hot" }).click();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByText("No routes yet").waitFor();
  });

  it("hands out the CA certificate", async () => {
    await signIn();
    const download = page.waitForEvent("download");
    await page.getByRole("link", { name: "its CA certificate" }).click();
    expect((await download).suggestedFilename()).toBe("twinhub-ca.pem");
  });
});

describe("everywhere", () => {
  it("says that the hub does not answer, and goes on when it does", async () => {
    await signIn();
    await page.getByText("Live", { exact: true }).waitFor();
    await page.route("**/*", (route) => route.abort());
    tab.expectStatus(Number.NaN);
    await page.getByText("The hub does not answer").waitFor();
    await page.unroute("**/*");
    await page.getByText("Live", { exact: true }).waitFor();
    await page.getByText("The hub does not answer").waitFor({ state: "detached" });
  });

  it("can be used with the keyboard alone", async () => {
    await signIn();
    await page.locator("body").press("Tab");
    await page.getByRole("link", { name: "Skip to the page" }).waitFor();
    await page.getByRole("link", { name: "Devices", exact: true }).first().focus();
    await page.keyboard.press("Enter");
    const title = page.getByRole("heading", { name: "Devices" });
    await title.waitFor();
    await expect.poll(() => title.evaluate((node) => node.matches(":focus"))).toBe(true);
  });

  it("keeps the theme that was chosen", async () => {
    await signIn();
    await page.getByRole("button", { name: "Use the dark theme" }).click();
    await page.reload();
    await page.getByRole("button", { name: "Use the light theme" }).waitFor();
  });

  it("has a first view of less than 300 kB; the editor comes when it is needed", async () => {
    await signIn();
    await page.locator(".plot canvas").waitFor();
    const loaded = await page.evaluate<readonly (readonly [string, number])[]>(
      "performance.getEntriesByType('resource').filter((one) => one.name.includes('/portal/')).map((one) => [one.name, one.encodedBodySize])",
    );
    const size = loaded.reduce((sum, [, bytes]) => sum + bytes, 0);
    expect(size).toBeGreaterThan(100_000);
    expect(size).toBeLessThan(300_000);
    expect(loaded.some(([name]) => name.includes("code-mirror"))).toBe(false);
  });
});
