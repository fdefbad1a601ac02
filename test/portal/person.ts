import { expect } from "vitest";
import type { Browser, Locator, Page } from "playwright-core";
import type { TestHub } from "../../src/testing/index.ts";
import { type Tab, openTab } from "./browser.ts";

/** Somebody in front of a tab. */
export interface Person extends Tab {
  /** Opens a page of the portal, and signs in if asked to. */
  open(path: string): Promise<void>;
  signIn(connectionString: string): Promise<void>;
  /** The text of the editor with this name. */
  editor(name: string): Locator;
  write(editor: string, text: string): Promise<void>;
  /** What the editor shows, without its line breaks. */
  written(editor: string): Promise<string>;
  /** Closes the tab; fails if an error that was not expected had come up. */
  leave(): Promise<void>;
}

/** A new tab, signed in at `path` with the connection string, the owner's unless given. */
export async function sitDown(
  browser: Browser,
  hub: TestHub,
  path: string,
  connectionString: string = hub.connectionString,
): Promise<Person> {
  const tab = await openTab(browser);
  const { page } = tab;
  const person = personAt(tab, `https://${hub.hostName}/portal`);
  await page.goto(`https://${hub.hostName}/portal${path}`);
  await person.signIn(connectionString);
  await page.locator(".bar").waitFor();
  return person;
}

function personAt(tab: Tab, portal: string): Person {
  const { page } = tab;
  const editor = (name: string): Locator => page.getByRole("textbox", { name, exact: true });
  return {
    ...tab,
    editor,
    open: async (path) => void (await page.goto(`${portal}${path}`)),
    async signIn(connectionString) {
      await page.getByLabel("Service connection string").fill(connectionString);
      await page.getByRole("button", { name: "Sign in" }).click();
    },
    async write(name, text) {
      await editor(name).click();
      await page.keyboard.press("Control+A");
      await page.keyboard.press("Delete");
      await page.keyboard.insertText(text);
    },
    written: async (name) => ((await editor(name).textContent()) ?? "").replaceAll(/\s+/g, " "),
    async leave() {
      await tab.close();
      expect(tab.errors).toEqual([]);
    },
  };
}

/** The dialog that waits for somebody whose session has ended. */
export function signInAgain(page: Page): Locator {
  return page.getByRole("alertdialog", { name: "Sign in again" });
}

/** Stores messages of a device or module, as many as are given, in batches. */
export async function publish(
  hub: TestHub,
  identity: string,
  bodies: readonly object[],
): Promise<void> {
  const messages = bodies.map((body) => ({
    body: JSON.stringify(body),
    base64Encoded: false,
    properties: { "iothub-contenttype": "application/json" },
  }));
  for (let at = 0; at < messages.length; at += 500) {
    const { status } = await hub.call(
      "POST",
      `/devices/${identity}/messages/events`,
      messages.slice(at, at + 500),
      { "content-type": "application/vnd.microsoft.iothub.json" },
    );
    expect(status).toBe(204);
  }
}
