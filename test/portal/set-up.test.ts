import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Browser } from "playwright-core";
import { type TestHub, startHub } from "../../src/testing/index.ts";
import { type Tab, openTab, startBrowser } from "./browser.ts";
import { signInTo } from "./visitor.ts";

const root = path.join(import.meta.dirname, "..", "..");

let hub: TestHub;
let browser: Browser;
let tab: Tab;
let directory: string;
let environment: NodeJS.ProcessEnv;

/** A directory as somebody has it who follows the page: the CA from its link, the settings that its note names. */
beforeAll(async () => {
  hub = await startHub({ ports: "standard" });
  if (hub.portalUrl === null) throw new Error("The portal has not been built: npm run build");
  await hub.createDevice("d1");
  const module = await hub.createModule("d1", "m1");
  browser = await startBrowser();
  tab = await openTab(browser);
  directory = mkdtempSync(path.join(os.tmpdir(), "twinhub-set-up-"));
  await signInTo(hub, tab.page, "/");
  const download = tab.page.waitForEvent("download");
  await tab.page.getByRole("link", { name: "its CA certificate" }).click();
  const certificate = await download;
  await certificate.saveAs(path.join(directory, certificate.suggestedFilename()));

  // What the lines install is installed: the tests have no network.
  symlinkSync(path.join(root, "node_modules"), path.join(directory, "node_modules"));
  command("npm", 'echo "$@" > npm.txt');
  command("twinhub", `exec node "${path.join(root, "dist", "cli", "main.js")}" "$@"`);
  environment = {
    PATH: `${directory}:${process.env["PATH"]}`,
    HOME: directory,
    IOTHUB_CONNECTION_STRING: hub.connectionString,
    IOTHUB_MODULE_CONNECTION_STRING: module.connectionString,
  };
});

afterAll(async () => {
  await tab?.close();
  await browser?.close();
  await hub?.stop();
  rmSync(directory, { recursive: true, force: true });
});

function command(name: string, script: string): void {
  const file = path.join(directory, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

/** What the page shows for a language: titles and texts. */
async function shown(language: string): Promise<readonly (readonly [string, string])[]> {
  await tab.page.getByRole("tab", { name: language, exact: true }).click();
  const blocks = await tab.page.locator(".snippet pre").all();
  return Promise.all(
    blocks.map(
      async (block) =>
        [
          (await block.getAttribute("aria-label")) ?? "",
          (await block.textContent()) ?? "",
        ] as const,
    ),
  );
}

/** Writes the files that are shown, and runs the lines for the terminal, in their order. */
async function follow(language: string): Promise<string> {
  let output = "";
  for (const [title, text] of await shown(language)) {
    if (title.startsWith("In a terminal")) output += await run(text);
    else writeFileSync(path.join(directory, title), `${text}\n`);
  }
  return output;
}

function run(lines: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { cwd: directory, env: environment, timeout: 120_000 };
    execFile("bash", ["-euo", "pipefail", "-c", lines], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${error.message}\n${stdout}\n${stderr}`));
    });
  });
}

describe("the set-up lines of the overview", () => {
  it("for Node.js read a twin, report, and read the report as a service", async () => {
    const output = await follow("Node.js");
    expect(output).toMatch(/^desired: \{.*"\$version":1/m);
    expect(output).toMatch(/^reported: \{"language":"Node.js"/m);
    const [verb, ...names] = readFileSync(path.join(directory, "npm.txt"), "utf8").split(/\s+/);
    expect(verb).toBe("i");
    const { dependencies } = JSON.parse(
      readFileSync(path.join(root, "interop", "node", "package.json"), "utf8"),
    ) as { dependencies: object };
    expect(Object.keys(dependencies)).toEqual(expect.arrayContaining(names.filter(Boolean)));
  });

  it("for curl and mosquitto list the devices and send a message", async () => {
    const output = await follow("curl, mosquitto");
    const [devices] = JSON.parse(output) as { deviceId: string }[];
    expect(devices?.deviceId).toBe("d1");
    await tab.page.goto(`https://${hub.hostName}/portal/telemetry?from=earliest`);
    const message = tab.page.getByRole("button", { name: /d1 \/ m1.*"hello":"mosquitto"/ });
    await message.waitFor();
  });

  it("are there for every language, and none has an error", async () => {
    await tab.page.goto(`https://${hub.hostName}/portal/`);
    for (const [language, text] of [
      ["Python", "IoTHubModuleClient.create_from_connection_string"],
      [".NET", "ModuleClient.CreateFromConnectionString"],
      ["Java", "new ModuleClient(text, IotHubClientProtocol.MQTT)"],
      ["C", "IoTHubModuleClient_LL_CreateFromConnectionString"],
    ] as const) {
      const texts = (await shown(language)).map(([, each]) => each).join("\n");
      expect(texts).toContain(text);
    }
    expect(tab.errors).toEqual([]);
  });
});
