import type { Page } from "playwright-core";
import type { TestHub } from "../../src/testing/index.ts";

/** Signs in with a policy's connection string, at the page `path`. */
export async function signInTo(
  hub: TestHub,
  page: Page,
  path: string,
  policy = "iothubowner",
): Promise<void> {
  await page.goto(`https://${hub.hostName}/portal${path}`);
  await page
    .getByLabel("Service connection string")
    .fill(hub.connectionStrings[policy] ?? "unknown policy");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator(".bar").waitFor();
}
