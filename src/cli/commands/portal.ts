import type { Command } from "commander";
import { CliError } from "../cli-error.ts";
import { HubClient } from "../client.ts";
import type { Io } from "../io.ts";
import { GivenOptions, addHubOptions } from "../options.ts";
import { type Target, findTarget } from "../target.ts";

/** A session in the browser lasts as long as the token that the link stands for, at most. Seconds. */
const sessionLifetime = 8 * 3600;

/** `portal`: a sign-in link for a browser, with the rights of the connection string. */
export function addPortal(program: Command, io: Io): void {
  const command = program
    .command("portal")
    .description("print a new one-time link that signs a browser in to the portal")
    .option("--open", "open it in this machine's browser");
  addHubOptions(command, ["text", "json"]).action(async () => {
    const options = new GivenOptions(command);
    const link = await makeLink(findTarget(options, io), io);
    if (options.text("output") === "json") io.out(`${JSON.stringify(link)}\n`);
    else {
      io.out(`${link.portalUrl}\n`);
      io.err(`It signs one browser in, once, until ${link.expires}.\n`);
    }
    if (options.toggle("open") === true && (await io.openBrowser?.(link.portalUrl)) !== true)
      throw new CliError("No browser could be opened here; copy the link into one");
  });
}

async function makeLink(
  target: Target,
  io: Io,
): Promise<{ readonly portalUrl: string; readonly expires: string }> {
  const hub = new HubClient(target, io.now);
  const body = await hub.object("POST", "/$hub/session/code", {
    body: {},
    tokenLifetime: sessionLifetime,
  });
  const { path, expires } = body;
  if (typeof path !== "string" || typeof expires !== "string")
    throw new CliError("The hub's answer holds no link; is it a twinhub?");
  const { hostName, port } = target;
  const address = port === 443 ? hostName : `${hostName}:${port}`;
  return { portalUrl: `https://${address}${path}`, expires };
}
