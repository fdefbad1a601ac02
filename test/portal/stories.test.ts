import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import device from "azure-iot-device";
import { Mqtt } from "azure-iot-device-mqtt";
import type { Browser, Page } from "playwright-core";
import { registryOf, trust } from "../../interop/node/support.ts";
import { type TestHub, startHub } from "../../src/testing/index.ts";
import { makeCertificate } from "../support/certificates.ts";
import { type Tab, openTab, startBrowser } from "./browser.ts";
import { signInTo } from "./visitor.ts";

let hub: TestHub;
let browser: Browser;

beforeAll(async () => {
  hub = await startHub({ ports: "standard" });
  if (hub.portalUrl === null) throw new Error("The portal has not been built: npm run build");
  trust(hub);
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.close();
  await hub?.stop();
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

/** The card with this heading. */
function card(name: string) {
  return page.locator("section").filter({ has: page.getByRole("heading", { name, exact: true }) });
}

function copied(): Promise<string> {
  return page.evaluate<string>("navigator.clipboard.readText()");
}

describe("a policy", () => {
  it("is made, its connection string copied, and used with azure-iothub until its keys change", async () => {
    await hub.createDevice("d1");
    await hub.createModule("d1", "m1");
    await signInTo(hub, page, "/policies");
    await page.getByRole("button", { name: "Add a policy" }).click();
    await dialog().getByLabel("Name").fill("twins");
    await dialog()
      .getByLabel(/^RegistryRead/)
      .click();
    await dialog()
      .getByLabel(/^ServiceConnect/)
      .click();
    await dialog().getByRole("button", { name: "Save" }).click();
    await card("twins").getByRole("button", { name: "Copy Primary connection string" }).click();
    await expect.poll(copied).toMatch(/^HostName=\S+;SharedAccessKeyName=twins;SharedAccessKey=/);
    const connectionString = await copied();
    const registry = registryOf({ hostName: hub.hostName, caPem: hub.caPem, connectionString });
    const { responseBody: twin } = await registry.getModuleTwin("d1", "m1");
    const patched = await registry.updateModuleTwin("d1", "m1", { tags: { by: "twins" } }, "*");
    expect([twin.moduleId, patched.responseBody.tags]).toEqual(["m1", { by: "twins" }]);
    // What its rights do not cover is refused.
    await expect(registry.create({ deviceId: "d2" })).rejects.toThrow(/RegistryWrite/);

    await page.getByRole("button", { name: "Change the policy twins" }).click();
    await page.getByRole("menuitem", { name: "Regenerate the primary key" }).click();
    await page.getByRole("button", { name: "Regenerate" }).click();
    await page.getByText("twins has a new primary key").first().waitFor();
    await expect(registry.getModuleTwin("d1", "m1")).rejects.toThrow(/Unauthorized/);

    await page.reload();
    await card("twins").getByRole("button", { name: "Copy Primary connection string" }).click();
    await expect.poll(copied).not.toBe(connectionString);
    const renewed = registryOf({
      hostName: hub.hostName,
      caPem: hub.caPem,
      connectionString: await copied(),
    });
    const again = await renewed.getModuleTwin("d1", "m1");
    expect(again.responseBody.tags).toEqual({ by: "twins" });
  });
});

describe("a certificate authority", () => {
  it("is added, proves that its key is at hand, and lets its devices connect", async () => {
    const authority = makeCertificate("Plant CA", { authority: true });
    await signInTo(hub, page, "/certificates");
    await page.getByRole("button", { name: "Add a CA" }).click();
    await dialog().getByLabel("Name").fill("plant");
    await dialog().getByLabel("Certificate (PEM)").fill(authority.certPem);
    await dialog().getByRole("button", { name: "Add" }).click();
    await card("plant").getByText("not verified: accepted for nobody").waitFor();

    await page.goto(`https://${hub.hostName}/portal/devices`);
    await page.getByRole("button", { name: "Create a device" }).click();
    await dialog().getByLabel("Device id").fill("sealed");
    await dialog().getByRole("radio", { name: "X.509 by CA" }).click();
    await page.getByRole("button", { name: "Create", exact: true }).click();
    await page.getByRole("heading", { name: "sealed" }).waitFor();
    const own = makeCertificate("sealed", { issuer: authority });
    await expect(connect(own)).rejects.toThrow();

    await page.goto(`https://${hub.hostName}/portal/certificates`);
    await card("plant").getByRole("button", { name: "Make a verification code" }).click();
    await card("plant").getByRole("button", { name: "Copy the verification code" }).click();
    await expect.poll(copied).toMatch(/^[0-9A-F]{16,}$/i);
    const code = await copied();
    const prove = card("plant").getByRole("button", { name: "Prove possession" });

    // Of somebody else's, who knows the code and has not the key.
    tab.expectStatus(400);
    await prove.click();
    const forged = makeCertificate(code, { issuer: makeCertificate("x", { authority: true }) });
    await dialog().getByLabel("Certificate (PEM)").fill(forged.certPem);
    await dialog().getByRole("button", { name: "Verify" }).click();
    await dialog().getByText("ArgumentInvalid").waitFor();

    const proof = makeCertificate(code, { issuer: authority });
    await dialog().getByLabel("Certificate (PEM)").fill(proof.certPem);
    await dialog().getByRole("button", { name: "Verify" }).click();
    await card("plant").getByText("verified", { exact: true }).waitFor();

    const client = await connect(own);
    const twin = await client.getTwin();
    expect(twin.properties.desired.$version).toBe(1);
    await page.goto(`https://${hub.hostName}/portal/connections`);
    await page.getByRole("link", { name: "sealed", exact: true }).waitFor();
    await client.close();
  });

  async function connect(own: { readonly certPem: string; readonly keyPem: string }) {
    const text = `HostName=${hub.hostName};DeviceId=sealed;x509=true`;
    const client = device.Client.fromConnectionString(text, Mqtt);
    client.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => 0 });
    await client.setOptions({ ca: hub.caPem, cert: own.certPem, key: own.keyPem });
    await client.open();
    return client;
  }
});
