import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { type Plugin, defineConfig } from "vite";

const outDir = process.env["PORTAL_OUT_DIR"] ?? path.join(import.meta.dirname, "../dist/portal");

/** Compresses each file once, so that the hub never has to. */
function precompress(): Plugin {
  return {
    name: "precompress",
    closeBundle() {
      for (const name of readdirSync(outDir, { recursive: true }) as string[]) {
        if (!/\.(?:js|css|svg)$/.test(name)) continue;
        const file = path.join(outDir, name);
        writeFileSync(`${file}.gz`, gzipSync(readFileSync(file), { level: 9 }));
      }
    },
  };
}

/** Every page needs what pages share: it comes together with the base instead of after it has run. */
function preloadParts(): Plugin {
  return {
    name: "preload-parts",
    transformIndexHtml: {
      order: "post",
      handler: (_html, { bundle = {} }) =>
        Object.values(bundle)
          .filter((file) => file.type === "chunk" && file.name === "parts")
          .map(({ fileName }) => ({
            tag: "link",
            attrs: { rel: "modulepreload", crossorigin: true, href: `/portal/${fileName}` },
            injectTo: "head",
          })),
    },
  };
}

export default defineConfig({
  root: import.meta.dirname,
  base: "/portal/",
  plugins: [preloadParts(), precompress()],
  logLevel: "warn",
  build: {
    outDir,
    emptyOutDir: true,
    target: "es2022",
    reportCompressedSize: false,
    chunkSizeWarningLimit: 900,
    modulePreload: { polyfill: false },
    // Nothing may become a data: URL: the content security policy allows own files only.
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            // Each file costs a request, and the first six of them a TLS handshake: what the first view needs is one
            // file, what many pages share is another. Editor and plots stay apart.
            { name: "base", tags: ["$initial"], priority: 2 },
            {
              name: "parts",
              test: (id) => !/codemirror|code-mirror|lezer|uplot|u-plot/.test(id),
              minShareCount: 2,
              priority: 1,
            },
          ],
        },
      },
      onLog(level, log, handle) {
        // Marks for React's server components, which mean nothing here.
        if (log.code !== "MODULE_LEVEL_DIRECTIVE") handle(level, log);
      },
    },
  },
});
