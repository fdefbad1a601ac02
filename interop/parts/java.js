import { existsSync, readFileSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { run, tail } from "../runner/command.js";
import { NotRun, countTests } from "../runner/outcome.js";
import { cached } from "./cache.js";

/** @typedef {import("../runner/outcome.js").Part} Part */
/** @typedef {import("../runner/hub.js").Hub} Hub */

const folder = path.join(import.meta.dirname, "..", "java");

/** @type {Part} */
export const java = {
  name: "java",
  async run(hub) {
    const reports = path.join(folder, "target", "surefire-reports");
    rmSync(reports, { recursive: true, force: true });
    const env = await javaEnv(hub);
    const { code, output } = await maven(folder, "test", env, 900);
    const written = existsSync(reports)
      ? readdirSync(reports).filter((name) => name.endsWith(".xml"))
      : [];
    const texts = written.map((name) => readFileSync(path.join(reports, name), "utf8"));
    const { passed, failed } = countTests(texts);
    return {
      what: javaVersions(folder),
      passed,
      failed: failed === 0 && code !== 0 ? 1 : failed,
      output: tail(output, 120),
    };
  },
};

/**
 * Runs a Maven goal with a repository of its own. Throws NotRun if Maven, Java or an artifact is not to be had.
 * @param {string} project
 * @param {string} goal
 * @param {NodeJS.ProcessEnv} env
 * @param {number} seconds without what a first run downloads, for which it has five minutes more
 */
export async function maven(project, goal, env, seconds) {
  const repository = cached("m2");
  const cold = readdirSync(repository).length === 0;
  const args = ["-B", "-q", `-Dmaven.repo.local=${repository}`, goal];
  const limit = cold ? seconds + 300 : seconds;
  const done = await run("mvn", args, { cwd: project, env, seconds: limit });
  if (done.missing)
    throw new NotRun("needs Java 17 and Maven: apt-get install openjdk-17-jdk-headless maven");
  if (done.code !== 0 && /Could not (?:resolve|transfer|find artifact)/.test(done.output))
    throw new NotRun(
      `Maven could not fetch what ${path.relative(process.cwd(), project)}/pom.xml names`,
    );
  return done;
}

/**
 * What Java programs need to find and trust the hub: its certificate also as a trust store.
 * @param {Hub} hub
 */
export async function javaEnv(hub) {
  const store = path.join(cached("java"), "trust.p12");
  rmSync(store, { force: true });
  const imported = await run(
    "keytool",
    ["-importcert", "-noprompt", "-alias", "hub", "-file", hub.caFile, "-keystore", store].concat([
      "-storetype",
      "PKCS12",
      "-storepass",
      "changeit",
    ]),
    { seconds: 60 },
  );
  if (imported.code !== 0)
    throw new NotRun("needs keytool of a Java 17 JDK: apt-get install openjdk-17-jdk-headless");
  return {
    IOTHUB_CONNECTION_STRING: hub.connectionString,
    IOTHUB_CA_FILE: hub.caFile,
    IOTHUB_TRUST_STORE: store,
  };
}

/**
 * The SDKs in a pom with their versions.
 * @param {string} project
 */
export function javaVersions(project) {
  const pom = readFileSync(path.join(project, "pom.xml"), "utf8");
  const named = /<artifactId>(iot-[^<]*)<\/artifactId>\s*<version>([^<]*)</g;
  return [...pom.matchAll(named)].map(([, name, version]) => `${name} ${version}`).join(", ");
}
