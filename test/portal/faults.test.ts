import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Browser } from "playwright-core";
import { type TestHub, startHub } from "../../src/testing/index.ts";
import { comeBack, startBrowser } from "./browser.ts";
import { publish, signInAgain, sitDown } from "./person.ts";

const listen = "127.91.7.33";
const dataDir = mkdtempSync(join(tmpdir(), "portal-faults-"));
const start = (): Promise<TestHub> => startHub({ ports: "standard", listen, dataDir });

let hub: TestHub;
let browser: Browser;

beforeAll(async () => {
  hub = await start();
  if (hub.portalUrl === null) throw new Error("The portal has not been built: npm run build");
  for (const deviceId of ["plant", "gone", "dim", "loud"]) {
    await hub.createDevice(deviceId);
    await hub.createModule(deviceId, "m1");
  }
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.close();
  await hub?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

/** The connection string of a policy made for this test. */
async function makePolicy(name: string, rights: readonly string[]): Promise<string> {
  const { body } = await hub.call("PUT", `/$hub/policies/${name}`, { rights });
  return `HostName=${hub.hostName};SharedAccessKeyName=${name};SharedAccessKey=${body.primaryKey}`;
}

const everything = ["RegistryRead", "RegistryWrite", "ServiceConnect", "DeviceConnect"];

describe("text that can't be saved", () => {
  it("is kept, with the reason, in the editors of a twin", async () => {
    const person = await sitDown(browser, hub, "/devices/plant/modules/m1");
    const { page } = person;
    const problems = [
      ["Desired", '{"a":', "The body should be a JSON object, but is not valid JSON"],
      ["Desired", "[1]", "The body should be a JSON object, but is an array"],
      [
        "Desired",
        JSON.stringify({ a: "x".repeat(3000), ...wide(12) }),
        "'Properties.Desired' size should be less than 32768 bytes.",
      ],
      ["Tags", JSON.stringify(wide(4)), "'Tags' size should be less than 8192 bytes."],
    ] as const;
    for (const [editor, text, problem] of problems) {
      await person.editor(editor).waitFor();
      await person.write(editor, text);
      await page.locator(".savebar").getByText(problem).waitFor();
      expect(await page.getByRole("button", { name: "Save" }).count()).toBe(0);
      expect(await person.written(editor)).toContain(text.length < 50 ? text : "x".repeat(50));
      await page.getByRole("button", { name: "Discard" }).click();
    }
    await person.leave();
  });

  it("is kept, with the reason, in the payload of a method, a job and a configuration", async () => {
    const person = await sitDown(browser, hub, "/devices/plant/modules/m1?tab=methods");
    const { page } = person;
    await page.getByRole("textbox", { name: "Method" }).fill("reboot");
    const refused = async (editor: string, button: string): Promise<void> => {
      await person.editor(editor).waitFor();
      await person.write(editor, '{"in":');
      await page.getByText("This is not valid JSON:").waitFor();
      const action = page.getByRole("button", { name: button, exact: true });
      expect(await action.isDisabled()).toBe(true);
      await person.write(editor, '{"in":1}');
      await page.getByText("This is not valid JSON:").waitFor({ state: "detached" });
      expect(await action.isEnabled()).toBe(true);
    };
    await refused("Payload", "Call");
    await person.open("/jobs");
    await page.getByRole("button", { name: "Create a job" }).click();
    await refused("Patch", "Create");
    await person.open("/configurations");
    await page.getByRole("button", { name: "Create a configuration" }).click();
    await page.getByRole("textbox", { name: "Id" }).fill("c1");
    await refused("Content", "Save");
    await person.leave();
  });
});

/** Members of 3,000 characters each. */
function wide(count: number): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`k${index}`, "x".repeat(3000)]),
  );
}

describe("a session that ends while a page is open", () => {
  it("is begun again at the same address, with the draft and an open dialog as they were", async () => {
    const person = await sitDown(browser, hub, "/devices/plant/modules/m1");
    const { page, context } = person;
    person.expectStatus(401);
    const url = page.url();
    await person.editor("Desired").waitFor();
    await person.write("Desired", '{"draft":1}');
    await context.clearCookies();
    await comeBack(page);
    await signInAgain(page).getByText("Your session has ended").waitFor();
    expect(page.url()).toBe(url);
    await person.signIn(hub.connectionString);
    await signInAgain(page).waitFor({ state: "detached" });
    expect(page.url()).toBe(url);
    expect(await person.written("Desired")).toContain('{"draft":1}');
    await page.getByRole("button", { name: "Save" }).click();
    await page
      .getByText(/^Saved version/)
      .first()
      .waitFor();
    expect((await hub.call("GET", "/twins/plant/modules/m1")).body.properties.desired.draft).toBe(
      1,
    );

    await person.open("/policies");
    await page.getByRole("button", { name: "Add a policy" }).click();
    await page.getByRole("dialog").getByLabel("Name").fill("half-written");
    await page.getByLabel(/^ServiceConnect/).click();
    await context.clearCookies();
    await page.getByRole("button", { name: "Save" }).click();
    await signInAgain(page).waitFor();
    await person.signIn(hub.connectionString);
    await signInAgain(page).waitFor({ state: "detached" });
    await page.getByText("The hub does not know this session any more.").waitFor();
    expect(await page.getByRole("dialog").getByLabel("Name").inputValue()).toBe("half-written");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("heading", { name: "half-written" }).waitFor();
    await person.leave();
  });

  it("with its policy can be gone on with by somebody who may do the same", async () => {
    const connectionString = await makePolicy("fading", everything);
    const person = await sitDown(browser, hub, "/devices/plant/modules/m1", connectionString);
    const { page } = person;
    person.expectStatus(401);
    await person.editor("Tags").waitFor();
    await person.write("Tags", '{"site":"draft"}');
    await hub.call("DELETE", "/$hub/policies/fading");
    await signInAgain(page).getByText("Your session has ended").waitFor();
    await person.signIn(connectionString);
    await page.getByText("The hub does not accept this connection string").waitFor();
    await person.signIn(hub.connectionString);
    await signInAgain(page).waitFor({ state: "detached" });
    expect(await person.written("Tags")).toContain('{"site":"draft"}');
    await page.getByRole("button", { name: "Signed in with the policy iothubowner" }).waitFor();
    await person.leave();
  });

  it("shows nothing of before to somebody who may do less", async () => {
    const person = await sitDown(browser, hub, "/devices/plant/modules/m1");
    const { page, context } = person;
    person.expectStatus(401);
    await person.editor("Desired").waitFor();
    await context.clearCookies();
    await comeBack(page);
    await signInAgain(page).waitFor();
    await person.signIn(hub.connectionStrings["registryRead"] ?? "");
    await page.getByText("This policy sees no twins").waitFor();
    expect(await person.editor("Desired").count()).toBe(0);
    await person.leave();
  });

  it("loses the rights that its policy loses, and says which are missing", async () => {
    const connectionString = await makePolicy("shrinking", everything);
    const person = await sitDown(browser, hub, "/devices/plant/modules/m1", connectionString);
    const { page } = person;
    person.expectStatus(401);
    await person.editor("Desired").waitFor();
    await hub.call("PUT", "/$hub/policies/shrinking", { rights: ["RegistryRead"] });
    await hub.call("PATCH", "/twins/plant/modules/m1", { tags: { poke: 1 } });
    await page.getByText("This policy sees no twins").waitFor();
    await page.getByText("It needs ServiceConnect.").waitFor();
    await person.leave();
  });
});

describe("a device or module that changes under an open page", () => {
  it.each([
    ["/devices/gone/modules/m1", "/devices/gone/modules/m1", "ModuleNotFound"],
    ["/devices/gone", "/devices/gone", "DeviceNotFound"],
  ])("says that %s has been deleted, and keeps what was written", async (path, target, code) => {
    const person = await sitDown(browser, hub, path);
    const { page } = person;
    person.expectStatus(404);
    await person.editor("Desired").waitFor();
    await person.write("Desired", '{"draft":2}');
    await hub.call("DELETE", target, undefined, { "if-match": "*" });
    await page.getByText(code).first().waitFor();
    await page.getByText("Somebody has deleted it, or it was never there.").first().waitFor();
    await page.getByRole("button", { name: "Save" }).click();
    await expect.poll(() => page.getByText(code).count()).toBeGreaterThan(1);
    expect(await person.written("Desired")).toContain('{"draft":2}');
    await person.leave();
  });

  it("says that a device has been disabled, and keeps what was written", async () => {
    const person = await sitDown(browser, hub, "/devices/dim");
    const { page } = person;
    await person.editor("Desired").waitFor();
    await person.write("Desired", '{"draft":3}');
    await hub.call(
      "PUT",
      "/devices/dim",
      { deviceId: "dim", status: "disabled", authentication: { type: "sas" } },
      { "if-match": "*" },
    );
    await page.locator(".page-head").getByText("disabled", { exact: true }).waitFor();
    expect(await person.written("Desired")).toContain('{"draft":3}');
    await page.getByRole("button", { name: "Save" }).click();
    await page
      .getByText(/^Saved version/)
      .first()
      .waitFor();
    await person.leave();
  });
});

describe("20,000 messages within seconds", () => {
  it("are all counted, and the page pauses, filters and goes on meanwhile", async () => {
    const person = await sitDown(browser, hub, "/telemetry");
    const { page } = person;
    const messages = page.getByRole("list", { name: "Messages" });
    await page.getByText("live", { exact: true }).waitFor();
    const bodies = Array.from({ length: 20_000 }, (_, number) => ({ number }));
    const began = performance.now();
    await publish(hub, "loud/modules/m1", bodies.slice(0, 10_000));
    await page.getByText("10,000 arrived, the newest 200 shown", { exact: true }).waitFor();
    await messages.getByRole("button").first().click();
    const opened = (await page.getByLabel("Body", { exact: true }).textContent()) ?? "";
    await page.getByLabel("Pause").click();
    const still = await messages.textContent();
    await publish(hub, "loud/modules/m1", bodies.slice(10_000));
    await page.getByText(/ 10,000 more since the pause$/).waitFor();
    expect(await messages.textContent()).toBe(still);
    await page.getByLabel("Pause").click();
    await page.getByText("20,000 arrived, the newest 200 shown", { exact: true }).waitFor();
    const left = await page.getByText(/messages were left out here: more than 1,000/).textContent();
    // A thousand of each second are shown: fewer are left out where a slow machine takes more seconds for the same messages.
    const shown = 1_000 * ((performance.now() - began) / 1_000 + 2);
    expect(Number(left?.split(" ")[0]?.replace(",", ""))).toBeGreaterThan(
      Math.max(1_000, Math.min(10_000, 20_000 - shown)),
    );
    // The newest 200, and the one that is being read.
    await messages.getByText('{"number":19999}').waitFor();
    expect(await messages.getByRole("listitem").count()).toBe(201);
    expect(await page.getByLabel("Body", { exact: true }).textContent()).toBe(opened);

    await page.getByLabel("Device id").fill("plant");
    await page.waitForURL(/deviceId=plant/);
    await page.getByText("live", { exact: true }).waitFor();
    const again = publish(hub, "loud/modules/m1", bodies.slice(0, 2_000));
    await publish(hub, "plant/modules/m1", [{ quiet: true }]);
    await messages.getByText('{"quiet":true}').waitFor();
    await again;
    await page.getByText("1 arrived", { exact: true }).waitFor();
    await person.leave();
  });
});

describe("a hub that does not answer", () => {
  it("when the portal is opened is waited for", async () => {
    const person = await sitDown(browser, hub, "/connections");
    const { page } = person;
    person.expectStatus(Number.NaN);
    await page.route(/\/\$hub\/|\/health/, (route) => route.abort());
    await page.reload();
    await page.getByRole("heading", { name: "Opening the portal" }).waitFor();
    await page.getByText("The hub does not answer").waitFor();
    await page.unroute(/\/\$hub\/|\/health/);
    await page.getByRole("heading", { name: "Connections", exact: true }).waitFor();
    await person.leave();
  });

  it("because it restarts is come back to, with no message missing or shown twice", async () => {
    const watching = await sitDown(browser, hub, "/telemetry");
    const writing = await sitDown(browser, hub, "/devices/plant/modules/m1");
    for (const one of [watching, writing])
      for (const status of [401, 503, Number.NaN]) one.expectStatus(status);
    await watching.page.getByText("live", { exact: true }).waitFor();
    await writing.editor("Desired").waitFor();
    await writing.write("Desired", '{"draft":4}');
    const send = (...numbers: number[]): Promise<void> =>
      publish(
        hub,
        "plant/modules/m1",
        numbers.map((number) => ({ number })),
      );
    await send(1, 2, 3);
    await watching.page.getByText("3 arrived", { exact: true }).waitFor();
    await hub.stop();
    await writing.page.getByText("The hub does not answer").waitFor();
    hub = await start();
    await send(4, 5, 6);
    for (const one of [watching, writing]) {
      await signInAgain(one.page).getByText("Your session has ended").waitFor();
      await one.signIn(hub.connectionString);
      await signInAgain(one.page).waitFor({ state: "detached" });
    }
    await send(7, 8, 9);
    await watching.page.getByText("9 arrived", { exact: true }).waitFor();
    const lines = watching.page.locator(".message-line code");
    expect(await lines.allTextContents()).toEqual(
      [9, 8, 7, 6, 5, 4, 3, 2, 1].map((number) => JSON.stringify({ number })),
    );
    expect(await writing.written("Desired")).toContain('{"draft":4}');
    await hub.call("PATCH", "/twins/plant/modules/m1", { tags: { after: "restart" } });
    await writing.page
      .getByRole("button", { name: /^Tags \d+/ })
      .first()
      .waitFor();
    await watching.leave();
    await writing.leave();
  });
});
