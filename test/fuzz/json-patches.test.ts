import http from "node:http";
import { expect, it } from "vitest";
import type { IdentityPrincipal } from "../../src/app/principal.ts";
import { HubError } from "../../src/domain/errors.ts";
import { type IdentityKey, keyText } from "../../src/domain/identity/key.ts";
import type { Json, JsonObject } from "../../src/domain/json.ts";
import { checkSection } from "../../src/domain/twin/limits.ts";
import { parseTwinObject } from "../../src/domain/twin/parse.ts";
import { checkSize } from "../../src/domain/twin/size.ts";
import type { Twin } from "../../src/domain/twin/twin.ts";
import { parseSasToken } from "../../src/wire/sas-token.ts";
import { hostName } from "../support/http-hub.ts";
import { expectUnharmed } from "./expect-unharmed.ts";
import { type FuzzHub, identityToken, ownerToken, startFuzzHub } from "./fuzz-hub.ts";
import type { Fuzzer } from "./fuzzer.ts";
import { mutate } from "./mutate.ts";
import type { Random } from "./random.ts";
import { runFuzzer } from "./run.ts";
import { fuzzSettings } from "./settings.ts";

const device: IdentityKey = { deviceId: "d1" };
const moduleOne: IdentityKey = { deviceId: "d1", moduleId: "m1" };

/** The first byte of an input says who is written to, and how. */
const ways = [
  { key: device, how: "PATCH" },
  { key: moduleOne, how: "PATCH" },
  { key: device, how: "PUT" },
  { key: moduleOne, how: "PUT" },
  { key: device, how: "report" },
  { key: moduleOne, how: "report" },
] as const;

const genuine = [
  '{"tags":{"site":"a","floor":{"n":3,"rooms":["x","y"]}},"properties":{"desired":{"rate":5}}}',
  '{"properties":{"desired":{"a":{"b":{"c":{"d":{"e":1}}}},"gone":null,"list":[1,[2,{"x":true}]]}}}',
  '{"deviceId":"d1","etag":"AAAAAAAAAAE=","version":7,"tags":null,"properties":{"desired":null}}',
  '{"battery":80,"state":{"on":true,"since":"2026-01-01T00:00:00Z"},"readings":[1.5,2,-3e4]}',
  '{"a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":{"i":{"j":{}}}}}}}}}},"gone":null}',
  '{"tags":{"__proto__":{"x":1},"constructor":{"prototype":{"y":1}},"toString":1}}',
  '{"properties":{"desired":{"__proto__":{"__proto__":{"x":1}},"hasOwnProperty":null}}}',
].map((text) => Buffer.from(text));

const words = [
  '{"__proto__":{"polluted":1}}',
  '"constructor":{"prototype":{"polluted":1}},',
  "null",
  "4503599627370496",
  "1e400",
  "-0",
  '"\\ud800"',
  '"\\u0000"',
  '"$version":9,',
  `"${"k".repeat(1025)}":1,`,
  `"${"v".repeat(4097)}"`,
  `${"[".repeat(40)}${"]".repeat(40)}`,
  `${'{"a":'.repeat(12)}1${"}".repeat(12)}`,
  `[${"0,".repeat(3000)}0]`,
];

function make(random: Random): Buffer {
  const json = random.oneIn(3)
    ? Buffer.from(JSON.stringify(grown(random, 0)))
    : random.pick(genuine);
  const body = random.oneIn(4) ? json : mutate(json, random, words);
  return Buffer.concat([Buffer.from([random.below(ways.length)]), body]);
}

/** Any JSON, with the shape of a service's patch often enough to be taken. */
function grown(random: Random, level: number): Json {
  if (level === 0) {
    const section = (): Json => (random.oneIn(9) ? null : objectOf(random, 1));
    return { tags: section(), properties: { desired: section() }, own: section() };
  }
  switch (random.below(level > 11 ? 5 : 8)) {
    case 0:
      return null;
    case 1:
      return random.oneIn(2);
    case 2:
      return random.pick([0, -0, 1.5, 1e300, -5e-324, 2 ** 52, -(2 ** 52), random.below(1000)]);
    case 3:
      return random.pick([
        "",
        "x",
        "v".repeat(random.below(5000)),
        "\u0000",
        "é\ud83d\ude00",
        "\ud800",
      ]);
    case 4:
      return [];
    case 5:
      return Array.from({ length: random.below(5) }, () => grown(random, level + 1));
    default:
      return objectOf(random, level + 1);
  }
}

const keys = [
  "a",
  "b",
  "c",
  "__proto__",
  "constructor",
  "prototype",
  "$version",
  "a.b",
  "",
  " ",
  "é",
  "k".repeat(1024),
  "toString",
];

function objectOf(random: Random, level: number): JsonObject {
  const entries = Array.from({ length: random.below(5) }, (): [string, Json] => [
    random.pick(keys),
    grown(random, level),
  ]);
  return Object.fromEntries(entries);
}

/** What of a twin must never be: more than its sections may hold, or something that no JSON can say. */
function problemWithTwin(twin: Twin): string | undefined {
  const sections = [
    ["Tags", twin.tags],
    ["Properties.Desired", twin.desired.value],
    ["Properties.Reported", twin.reported.value],
  ] as const;
  try {
    for (const [name, value] of sections) {
      checkSection(value, "refused");
      checkSize(name, value);
      if (JSON.stringify(JSON.parse(JSON.stringify(value))) !== JSON.stringify(value))
        return `${name} is no JSON`;
    }
    return undefined;
  } catch (error) {
    return `the twin is ${String(error)}`;
  }
}

class Target {
  readonly #hub: FuzzHub;
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
  /** Writers of one twin wait for each other, so that its version tells what each has done. */
  #turns = new Map<string, Promise<unknown>>();

  constructor(hub: FuzzHub) {
    this.#hub = hub;
  }

  attempt(input: Buffer): Promise<string | undefined> {
    const { key, how } = ways[(input[0] ?? 0) % ways.length] ?? ways[0];
    const turn = this.#turns.get(keyText(key)) ?? Promise.resolve();
    const mine = turn.then(() => this.#write(key, how, input.subarray(1)));
    this.#turns.set(keyText(key), mine);
    return mine;
  }

  async #write(key: IdentityKey, how: string, body: Buffer): Promise<string | undefined> {
    const before = await this.#twin(key);
    const status =
      how === "report" ? await this.#report(key, body) : await this.call(how, key, body);
    const after = await this.#twin(key);
    const accepted = status >= 200 && status < 300;
    if (!accepted && (status < 400 || status > 499)) return `a ${how} was answered ${status}`;
    const isSame = after === before || JSON.stringify(after) === JSON.stringify(before);
    if (!accepted && !isSame) return `a ${how} that was answered ${status} has changed the twin`;
    // A patch that names no section writes nothing.
    if (accepted && after.version !== before.version + (isSame ? 0 : 1))
      return `a ${how} took the version from ${before.version} to ${after.version}`;
    if (({} as Record<string, unknown>)["polluted"] !== undefined) return "Object was polluted";
    return problemWithTwin(after);
  }

  #twin(key: IdentityKey): Promise<Twin> {
    return this.#hub.store.transaction(key, (tx) => {
      const twin = tx.twin(key);
      if (twin === undefined) throw new Error("the twin is gone");
      return twin;
    });
  }

  /** As the heads for devices do; the status that they would answer. */
  async #report(key: IdentityKey, body: Buffer): Promise<number> {
    const { hub } = this.#hub;
    const credential = { kind: "sas", token: parseSasToken(identityToken(key)) } as const;
    const principal: IdentityPrincipal = await hub.auth.identity({ key, credential });
    try {
      await hub.twins.updateReported(principal, parseTwinObject(body.toString()));
      return 204;
    } catch (error) {
      if (error instanceof HubError) return error.status;
      throw error;
    }
  }

  call(method: string, { deviceId, moduleId }: IdentityKey, body: Buffer): Promise<number> {
    const path = moduleId === undefined ? deviceId : `${deviceId}/modules/${moduleId}`;
    return new Promise((resolve, reject) => {
      const sent = http.request({
        host: "127.0.0.1",
        port: this.#hub.port,
        agent: this.#agent,
        method,
        path: `/twins/${path}?api-version=2021-04-12`,
        headers: { host: hostName, authorization: ownerToken, "content-length": body.length },
      });
      sent.on("error", reject);
      sent.on("response", (response) => {
        response.resume();
        response.on("error", reject);
        response.on("end", () => resolve(response.statusCode ?? 0));
      });
      sent.end(body);
    });
  }

  stop(): void {
    this.#agent.destroy();
  }
}

it(
  "whatever a patch or a report holds, the twin stays within its limits and moves only when it was accepted",
  async () => {
    const hub = await startFuzzHub();
    const target = new Target(hub);
    const fuzzer: Fuzzer = {
      name: "json-patches",
      atATime: 4,
      make,
      attempt: (input) => target.attempt(input),
      upkeep: () => hub.restore(),
      problems: () => hub.problems(),
      async honest() {
        const { status } = await hub.call("GET", "/twins/honest/modules/m1", {
          headers: { authorization: ownerToken },
        });
        expect(status).toBe(200);
      },
      async stop() {
        target.stop();
        await hub.stop();
        return [];
      },
    };
    expectUnharmed(await runFuzzer(fuzzer, fuzzSettings()));
  },
  fuzzSettings().timeout,
);
