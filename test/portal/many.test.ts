import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Browser } from "playwright-core";
import { type TestHub, startHub } from "../../src/testing/index.ts";
import { startBrowser } from "./browser.ts";
import { type Person, sitDown } from "./person.ts";

const devices = 60;
const modulesOfOne = 50;
const total = devices * modulesOfOne;

let hub: TestHub;
let browser: Browser;
let person: Person;

const twoDigits = (number: number): string => String(number).padStart(2, "0");

beforeAll(async () => {
  hub = await startHub({ ports: "standard" });
  if (hub.portalUrl === null) throw new Error("The portal has not been built: npm run build");
  const entries = Array.from({ length: devices }, (_, device) => {
    const id = `d${twoDigits(device)}`;
    const modules = Array.from({ length: modulesOfOne }, (_unused, module) => ({
      id,
      moduleId: `m${twoDigits(module)}`,
      importMode: "create",
      tags: { odd: module % 2 === 1 },
    }));
    return [{ id, importMode: "create" }, ...modules];
  }).flat();
  for (let at = 0; at < entries.length; at += 100) {
    const { status } = await hub.call("POST", "/devices", entries.slice(at, at + 100));
    expect(status).toBe(200);
  }
  browser = await startBrowser();
  person = await sitDown(browser, hub, "/devices?kind=modules");
});

afterAll(async () => {
  await browser?.close();
  await hub?.stop();
});

/** Scrolls to the end, nearly a window at a time: which modules were seen, and how many rows there were at the most. */
const scrollThrough = `new Promise((resolve) => {
  const box = document.querySelector(".vtable-scroll");
  const seen = new Set();
  let most = 0, still = 0;
  const step = () => {
    const rows = [...box.querySelectorAll(".vbody .vrow")];
    most = Math.max(most, rows.length);
    for (const row of rows) {
      const [device, module] = row.querySelectorAll("a");
      if (module !== undefined) seen.add(device.textContent + "/" + module.textContent);
    }
    const before = box.scrollTop;
    box.scrollTop = before + box.clientHeight * 0.9;
    still = box.scrollTop === before ? still + 1 : 0;
    if (still > 300 || seen.size === ${total}) resolve({ seen: [...seen], most });
    else requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})`;

describe("the list of all modules", () => {
  it("shows every one of thousands by scrolling, and holds only the rows in view", async () => {
    const { page } = person;
    await page.getByText("3,000 modules", { exact: true }).waitFor();
    const { seen, most } = await page.evaluate<{ readonly seen: string[]; readonly most: number }>(
      scrollThrough,
    );
    expect(seen).toHaveLength(total);
    expect(seen.at(-1)).toBe("d59/m49");
    expect(most).toBeLessThan(80);
    const rows = await page.getByRole("table", { name: "Modules" }).getAttribute("aria-rowcount");
    expect(rows).toBe(String(total + 1));
  });

  it("is filtered by device id and condition, and shows who comes and goes", async () => {
    const { page } = person;
    await page.getByLabel("Device id begins with").fill("d4");
    await page.getByText("500 modules", { exact: true }).waitFor();
    await page.getByLabel("Condition").fill("tags.odd = true");
    await page.getByRole("button", { name: "Filter" }).click();
    await page.getByText("250 modules", { exact: true }).waitFor();
    await page.getByRole("link", { name: "m01" }).first().waitFor();
    await hub.call("DELETE", "/devices/d40/modules/m01", undefined, { "if-match": "*" });
    await page.getByText("249 modules", { exact: true }).waitFor();
    await page.reload();
    await page.getByText("249 modules", { exact: true }).waitFor();
    expect(await page.getByLabel("Condition").inputValue()).toBe("tags.odd = true");
    expect(await page.getByLabel("Device id begins with").inputValue()).toBe("d4");
  });
});

describe("the address", () => {
  const views = [
    {
      what: "the tab of a device",
      path: "/devices/d01",
      act: () => person.page.getByRole("tab", { name: "Modules" }).click(),
      shows: () => person.page.getByRole("cell", { name: "m07" }),
    },
    {
      what: "the tab of a module",
      path: "/devices/d01/modules/m01",
      act: () => person.page.getByRole("tab", { name: "Identity and keys" }).click(),
      shows: () => person.page.getByText("Primary connection string"),
    },
    {
      what: "a query, and how its result is shown",
      path: "/query",
      act: async () => {
        await person.write("Query", "SELECT moduleId FROM devices.modules WHERE deviceId = 'd02'");
        await person.page.getByRole("button", { name: "Run" }).click();
        await person.page.getByText("50 rows").waitFor();
        await person.page.getByRole("button", { name: "As JSON", exact: true }).click();
      },
      shows: () => person.editor("Result").getByText('"m00"'),
    },
    {
      what: "the filter of live telemetry",
      path: "/telemetry",
      act: async () => {
        await person.page.getByLabel("Device id").fill("d03");
        await person.page.waitForURL(/deviceId=d03/);
        await person.page.getByLabel("Kind").selectOption("twinChangeEvents");
        await person.page.getByLabel("Begin").selectOption("earliest");
      },
      shows: () => person.page.locator("input[value=d03]"),
    },
    {
      what: "the condition of changes",
      path: "/changes",
      act: async () => {
        await person.page.getByLabel("Condition").fill("deviceId = 'd59'");
        await person.page.getByRole("button", { name: "Filter" }).click();
      },
      shows: () => person.page.getByRole("link", { name: "d59 / m49" }),
    },
    {
      what: "the job whose results are shown",
      path: "/jobs",
      act: async () => {
        await hub.call("PUT", "/jobs/v2/j1", {
          jobId: "j1",
          type: "scheduleUpdateTwin",
          queryCondition: "deviceId = 'd06'",
          updateTwin: { etag: "*", tags: { job: 1 } },
        });
        await person.page.getByRole("button", { name: "Results of j1" }).click();
      },
      shows: () => person.page.getByRole("cell", { name: "d06", exact: true }),
    },
  ];

  it.each(views)("keeps $what through a reload", async ({ path, act, shows }) => {
    await person.open(path);
    await act();
    await shows().first().waitFor();
    const url = person.page.url();
    expect(url).not.toBe(`https://${hub.hostName}/portal${path}`);
    await person.page.reload();
    await shows().first().waitFor();
    expect(person.page.url()).toBe(url);
  });

  it("has been used without an error on any page", async () => {
    await person.leave();
  });
});
