import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Browser } from "playwright-core";
import { type TestHub, startHub } from "../../src/testing/index.ts";
import { accessibilityProblems, openTab, overflow, picture, startBrowser } from "./browser.ts";
import { type Simulated, makeFleet } from "./fleet.ts";
import {
  type Webhook,
  exportRegistry,
  makeDeadLetters,
  startWebhook,
  uploadFile,
} from "./operations.ts";

/** Every page, and a text that is there when it is complete. */
const pages: readonly (readonly [string, string])[] = [
  ["/", "Connect to this hub"],
  ["/devices", "room-010"],
  ["/devices/room-001", "Tags"],
  ["/devices/room-001?tab=modules", "climate"],
  ["/devices/room-001?tab=identity", "Primary connection string"],
  ["/devices/room-001?tab=methods", "Call a method"],
  ["/devices/room-001?tab=messages", "Purge the queue"],
  ["/devices/room-001?tab=telemetry", "Waiting for messages"],
  ["/devices/room-001?tab=files", "Uploads under way"],
  ["/devices/room-001/modules/climate", "battery"],
  ["/query?q=SELECT%20*%20FROM%20devices.modules", "20 twins"],
  ["/connections", "room-001 / climate"],
  ["/telemetry?from=earliest", "room-002 / climate"],
  ["/changes", "room-001 / climate"],
  ["/jobs", "Create a job"],
  ["/transfers", "completed"],
  ["/configurations", "Create a configuration"],
  ["/routes", "Enrichments"],
  ["/routes/hook/dead-letters", "room-001 / climate"],
  ["/consumer-groups", "billing"],
  ["/policies", "registryReadWrite"],
  ["/certificates", "Add a CA"],
  ["/nowhere", "There is no such page"],
];

const sizes = ["desktop", "phone"] as const;
const schemes = ["light", "dark"] as const;

let hub: TestHub;
let fleet: readonly Simulated[];
let webhook: Webhook;
let browser: Browser;

beforeAll(async () => {
  hub = await startHub({ ports: "standard" });
  if (hub.portalUrl === null) throw new Error("The portal has not been built: npm run build");
  fleet = await makeFleet(hub);
  webhook = await startWebhook();
  await makeDeadLetters(hub, "hook", webhook.url);
  await uploadFile(hub, "room-001", "logs/monday.txt");
  await hub.call("POST", "/devices/room-001/files", { blobName: "video.mp4" });
  await exportRegistry(hub, "~all");
  await hub.call("PUT", "/$hub/consumer-groups/billing");
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.close();
  for (const one of fleet ?? []) await one.close();
  await hub?.stop();
  await webhook?.close();
});

describe.each(sizes)("on a %s, in light and in dark", (size) => {
  it(
    "every page is complete, accessible, fits and logs no error",
    { timeout: 300_000 },
    async () => {
      const address = `https://${hub.hostName}`;
      const tab = await openTab(browser, { colorScheme: "light", size });
      const { page } = tab;
      const check = async (name: string): Promise<void> => {
        for (const colorScheme of schemes) {
          await page.emulateMedia({ colorScheme });
          await page.locator(`html[style*="color-scheme: ${colorScheme}"]`).waitFor();
          expect(await accessibilityProblems(page), `${name} in ${colorScheme}`).toEqual([]);
          expect(await overflow(page), `${name} in ${colorScheme}`).toBeLessThanOrEqual(0);
          if (name.endsWith("climate")) await picture(page, `portal-twin-${size}-${colorScheme}`);
        }
      };
      await page.goto(`${address}/portal/`);
      await page.getByLabel("Service connection string").fill(hub.connectionString);
      await check("sign-in");
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.locator(".bar").waitFor();
      for (const [at, [path, text]] of pages.entries()) {
        // Half of the pages are opened in the dark and become light.
        await page.emulateMedia({ colorScheme: schemes[at % 2] ?? "light" });
        await page.goto(`${address}/portal${path}`);
        await page.locator("main").getByText(text).first().waitFor();
        await check(path);
      }
      expect(tab.errors).toEqual([]);
      await tab.close();
    },
  );
});

it("navigates from the drawer on a phone", async () => {
  const tab = await openTab(browser, { colorScheme: "light", size: "phone" });
  const { page } = tab;
  await page.goto(`https://${hub.hostName}/portal/`);
  await page.getByLabel("Service connection string").fill(hub.connectionString);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "Navigation" }).click();
  await page.getByRole("link", { name: "Connections", exact: true }).click();
  await page.getByRole("heading", { name: "Connections", exact: true }).waitFor();
  expect(await page.getByRole("navigation", { name: "Main" }).isVisible()).toBe(false);
  expect(tab.errors).toEqual([]);
  await tab.close();
});
