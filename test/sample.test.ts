import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { startProgram } from "../samples/lines.ts";
import { startHub } from "../src/testing/index.ts";

const run = path.join(import.meta.dirname, "..", "samples", "run.js");

interface Outcome {
  readonly code: number | null;
  /** What each application printed, without the label. */
  readonly device: readonly string[];
  readonly service: readonly string[];
  readonly story: readonly string[];
}

async function runSample(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const { IOTHUB_CONNECTION_STRING: _, ...inherited } = process.env;
  const program = startProgram([run, ...args], { env: { ...inherited, ...env } });
  const code = await program.ended;
  const by = (who: string): string[] =>
    program.lines.flatMap((line) => {
      const found = /^\[(\w+)\] +(.*)$/.exec(line);
      return found?.[1] === who ? [found[2] ?? ""] : [];
    });
  return { code, device: by("device"), service: by("service"), story: by("story") };
}

/** The lines after the device application has become ready. */
function heard({ device }: Outcome): readonly string[] {
  return device.slice(device.indexOf("ready for desired changes") + 1);
}

function deltas(firstVersion: number): readonly string[] {
  return [
    `desired change, version ${firstVersion}: {"climate":{"minTemperature":69,"maxTemperature":77}}`,
    'climate: {"minTemperature":69,"maxTemperature":77}',
    "climate.maxTemperature: 77",
    `desired change, version ${firstVersion + 1}: {"climate":{"maxTemperature":80}}`,
    'climate: {"maxTemperature":80}',
    "climate.maxTemperature: 80",
    `desired change, version ${firstVersion + 2}: {"climate":{"minTemperature":null}}`,
    'climate: {"minTemperature":null}',
    "closed",
  ];
}

describe("the module-twin sample", () => {
  it.each(["mqtt", "mqtt-ws", "amqp", "amqp-ws"])(
    "starts a hub and tells the story over %s",
    async (protocol) => {
      const outcome = await runSample(["--protocol", protocol]);
      expect(outcome.story.at(-1)).toContain("each change arrived as its delta");
      expect(outcome.code).toBe(0);
      expect(heard(outcome)).toEqual(deltas(2));
      expect(outcome.service).toEqual(
        expect.arrayContaining([
          "created device myFirstDevice",
          "created module myFirstModule",
          "patched with the stale etag AAAAAAAAAAE=: refused with 412 InvalidEtagError",
          expect.stringMatching(
            /^reported by the module: .*"weather":\{"temperature":72,"humidity":41\}/,
          ),
        ]),
      );
    },
  );

  it("runs twice against a hub that is there already", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "twinhub-sample-"));
    const hub = await startHub({ ports: "standard" });
    try {
      const caFile = path.join(folder, "ca.pem");
      await writeFile(caFile, hub.caPem);
      const env = {
        IOTHUB_CONNECTION_STRING: hub.connectionString,
        NODE_EXTRA_CA_CERTS: caFile,
      };
      const first = await runSample([], env);
      expect(first.story).toContain("uses the hub of IOTHUB_CONNECTION_STRING");
      expect([first.code, heard(first)]).toEqual([0, deltas(2)]);
      const second = await runSample([], env);
      expect([second.code, heard(second)]).toEqual([0, deltas(5)]);
      expect(second.service).toEqual(
        expect.arrayContaining([
          "device myFirstDevice already exists",
          "module myFirstModule already exists",
        ]),
      );
    } finally {
      await hub.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });

  it("fails with one line that says what is wrong when the hub can't be reached", async () => {
    const connectionString =
      "HostName=127.99.99.99;SharedAccessKeyName=iothubowner;SharedAccessKey=bm90aGluZw==";
    const outcome = await runSample([], { IOTHUB_CONNECTION_STRING: connectionString });
    expect(outcome.code).toBe(1);
    expect(outcome.story.at(-1)).toBe("failed: service-app create ended with 1");
  });
});
