import { spawn } from "node:child_process";

/** The command that opens an address in the user's browser. */
function opener(platform: NodeJS.Platform): readonly [string, ...string[]] {
  switch (platform) {
    case "darwin":
      return ["open"];
    case "win32":
      // No shell, which would read the address as its own language.
      return ["rundll32", "url.dll,FileProtocolHandler"];
    default:
      return ["xdg-open"];
  }
}

/** Opens `url` in the browser of whoever is at this machine; false if there is no way to. */
export function openBrowser(url: string, platform = process.platform): Promise<boolean> {
  const [command, ...args] = opener(platform);
  return new Promise((resolve) => {
    const child = spawn(command, [...args, url], { stdio: "ignore", detached: true });
    child.once("error", () => resolve(false));
    child.once("spawn", () => {
      // The browser goes on when this command has ended.
      child.unref();
      resolve(true);
    });
  });
}
