import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { type Browser, type BrowserContext, type Page, chromium } from "playwright-core";

const executablePath = "/usr/bin/chromium";

const root = path.join(import.meta.dirname, "..", "..");

/** Where pictures go if somebody wants them: `TWINHUB_SCREENSHOTS=docs/images npx vitest run test/portal`. */
const pictures = process.env["TWINHUB_SCREENSHOTS"];

export const picturesWanted = pictures !== undefined;

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The distribution's browser with a profile of its own, which is gone at the end. */
export async function startBrowser(): Promise<Browser> {
  if (!existsSync(executablePath)) {
    throw new Error(`${executablePath} is missing: apt-get install chromium`);
  }
  return chromium.launch({ executablePath, headless: true, args: flags });
}

export interface View {
  readonly colorScheme: "light" | "dark";
  readonly size: "desktop" | "phone";
}

export const desktop: View = { colorScheme: "light", size: "desktop" };

const sizes = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };

/** A tab that keeps in mind what went wrong in it. */
export interface Tab {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors of the console and of scripts, violated policies included. */
  readonly errors: readonly string[];
  /** The console tells of every refused request: this one is meant to be refused. */
  expectStatus(status: number): void;
  close(): Promise<void>;
}

/**
 * Profiles that nobody uses just now, by browser and size of the window. They keep the portal's files, so that they are
 * not read and compiled anew for every test, and nothing else.
 */
const idle = new WeakMap<Browser, Map<View["size"], BrowserContext[]>>();

function idleOf(browser: Browser, size: View["size"]): BrowserContext[] {
  const bySize = idle.get(browser) ?? new Map<View["size"], BrowserContext[]>();
  idle.set(browser, bySize);
  const contexts = bySize.get(size) ?? [];
  bySize.set(size, contexts);
  return contexts;
}

function newContext(browser: Browser, size: View["size"]): Promise<BrowserContext> {
  return browser.newContext({
    ignoreHTTPSErrors: true,
    viewport: sizes[size],
    hasTouch: size === "phone",
    reducedMotion: "reduce",
    permissions: ["clipboard-read", "clipboard-write"],
  });
}

/** A tab of somebody new: without a session, and with no setting of the portal's. */
export async function openTab(browser: Browser, view: View = desktop): Promise<Tab> {
  const contexts = idleOf(browser, view.size);
  const context = contexts.pop() ?? (await newContext(browser, view.size));
  const page = await context.newPage();
  await page.emulateMedia({ colorScheme: view.colorScheme });
  page.setDefaultTimeout(60_000);
  const errors: string[] = [];
  const expected = new Set<number>();
  page.on("console", (message) => {
    const status = Number(/status of (\d+)/.exec(message.text())?.[1]);
    if (message.type() === "error" && !expected.has(status)) errors.push(message.text());
  });
  page.on("pageerror", (error) => errors.push(error.message));
  return {
    page,
    context,
    errors,
    expectStatus: (status) => void expected.add(status),
    async close() {
      await forgetVisitor(context, page);
      await page.close();
      contexts.push(context);
    },
  };
}

async function forgetVisitor(context: BrowserContext, page: Page): Promise<void> {
  const { origin } = new URL(page.url());
  // Away from the portal first: it would tell that its session has gone.
  await page.goto("about:blank");
  await context.clearCookies();
  if (origin === "null") return;
  const cdp = await context.newCDPSession(page);
  await cdp.send("Storage.clearDataForOrigin", { origin, storageTypes: "local_storage" });
}

/** As it does for somebody who comes back to the tab, the page reads everything again at once. */
export async function comeBack(page: Page): Promise<void> {
  await page.evaluate("window.dispatchEvent(new Event('visibilitychange'))");
}

const require = createRequire(import.meta.url);
const axeSource = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

interface Violation {
  readonly id: string;
  readonly help: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** What axe-core finds wrong with the page, one line for each rule. */
export async function accessibilityProblems(page: Page): Promise<readonly string[]> {
  if (!(await page.evaluate<boolean>("'axe' in globalThis"))) await page.evaluate(axeSource);
  const violations = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(context: object): Promise<{ violations: unknown }> };
    };
    // The keyboard's turning points, which Fluent hides from screen readers on purpose.
    const exclude = [["[data-tabster-dummy]"]];
    return (await axe.run({ exclude })).violations;
  });
  return (violations as readonly Violation[]).map(
    ({ id, help, nodes }) =>
      `${id}: ${help}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(" | ")}`,
  );
}

/** Nothing may stick out of the window to the side. */
export async function overflow(page: Page): Promise<number> {
  // As text: these sources are compiled without the DOM's types.
  return page.evaluate<number>(
    "document.documentElement.scrollWidth - document.documentElement.clientWidth",
  );
}

export async function picture(page: Page, name: string): Promise<void> {
  if (pictures === undefined) return;
  const directory = path.join(root, pictures);
  mkdirSync(directory, { recursive: true });
  await page.screenshot({ path: path.join(directory, `${name}.png`) });
}
