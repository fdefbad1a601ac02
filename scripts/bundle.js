// Puts the hub and most of the libraries it uses into a few files: Node spends longer on finding a module than on
// running it, and there would be hundreds of them (docs/decisions/0004-bundle.md).
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { rolldown } from "rolldown";

const root = path.join(import.meta.dirname, "..");
const source = path.join(root, "src");

/** What people import and run. */
const publicEntries = ["cli/main", "index", "testing/index"];

/** What tests of crashes run in processes of their own, and what the benchmark uses. */
const otherEntries = [
  "app/context",
  "app/create-hub",
  "stores/sqlite/store",
  "system",
  "tls/server-certs",
];

/**
 * Libraries that are not taken in: one is native, one is loaded file by file (src/heads/amqp/rhea/load.ts), and one has
 * to be the one that the user's own tracing knows.
 */
const external = [/^node:/, "libsql", "rhea", "@opentelemetry/api"];

/**
 * What every hub needs, in two files instead of thirty: one that commands need too, and one that they do not. The
 * first that fits takes a module.
 */
const groups = [
  { name: "rules", test: /[\\/]src[\\/](?:domain|wire)[\\/]|[\\/][a-z]+-error\.ts$/ },
  {
    name: "hub",
    test: /[\\/]src[\\/](?:(?:app|stores|tls|heads[\\/]mqtt)[\\/]|observe[\\/](?!exposition)|[a-z-]+\.ts$)|[\\/]node_modules[\\/](?:pino|lru-cache)[\\/]/,
  },
];

/**
 * @param {string} directory receives the files; what is in it stays
 * @returns {Promise<void>}
 */
export async function bundle(directory) {
  const entries = [...publicEntries, ...otherEntries];
  const build = await rolldown({
    input: Object.fromEntries(entries.map((name) => [name, path.join(source, `${name}.ts`)])),
    platform: "node",
    external,
    plugins: [keepFolders],
  });
  const { output } = await build.write({
    dir: directory,
    format: "esm",
    // An eighth of the text, which every start would read; stacks name functions and lines without them.
    comments: false,
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/[name].js",
    codeSplitting: { groups },
  });
  await build.close();
  const modules = output.flatMap((part) => (part.type === "chunk" ? part.moduleIds : []));
  writeFileSync(path.join(directory, "third-party-licenses.txt"), licenses(modules));
}

/** A module finds files beside itself also where it ends up in `chunks/`: in `dist/`, folders are as in `src/`. */
const keepFolders = {
  name: "keep-folders",
  /**
   * @param {string} code
   * @param {string} id
   */
  transform(code, id) {
    if (!id.startsWith(source + path.sep) || !code.includes("import.meta.dirname")) return null;
    const folder = path.relative(source, path.dirname(id)).split(path.sep).join("/");
    return code.replaceAll(
      "import.meta.dirname",
      () => `(import.meta.dirname + ${JSON.stringify(`/../${folder}`)})`,
    );
  },
};

/**
 * The licences of the libraries whose code is in the files, as they demand.
 *
 * @param {readonly string[]} modules
 */
function licenses(modules) {
  const packages = new Set(modules.flatMap((id) => packageFolder(id) ?? []));
  return [...packages]
    .toSorted()
    .map(licenseOf)
    .join(`\n${"-".repeat(80)}\n\n`);
}

/** @param {string} id */
function packageFolder(id) {
  return /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(id)?.[0];
}

/** @param {string} folder */
function licenseOf(folder) {
  const { name, version, license } = JSON.parse(
    readFileSync(path.join(folder, "package.json"), "utf8"),
  );
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
  const text = file === undefined ? "" : readFileSync(path.join(folder, file), "utf8");
  return `${name} ${version} (${license})\n\n${text.trim()}\n`;
}
