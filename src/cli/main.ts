#!/usr/bin/env node
import module from "node:module";

/** The first signal asks for an orderly end; a second one ends the process at once, as it would without us. */
function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGTERM", () => resolve());
    process.once("SIGINT", () => resolve());
  });
}

// A reader that has had enough (`twinhub … | head -1`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

// Compiled code is kept between runs where Node can (22 and later): starting is mostly compiling.
(module as { readonly enableCompileCache?: () => unknown }).enableCompileCache?.();
const { run } = await import("./run.ts");
const { openBrowser } = await import("./open-browser.ts");

process.exitCode = await run(process.argv.slice(2), {
  out: (text) => {
    process.stdout.write(text);
  },
  err: (text) => {
    process.stderr.write(text);
  },
  environment: process.env,
  directory: process.cwd(),
  now: Date.now,
  untilStopped,
  openBrowser,
});
