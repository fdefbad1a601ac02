import http from "node:http";
import { expect, it } from "vitest";
import { type HubUnderTest, hostName } from "../support/http-hub.ts";
import { exchange } from "./exchange.ts";
import { expectUnharmed } from "./expect-unharmed.ts";
import { ownerToken, startFuzzHub } from "./fuzz-hub.ts";
import type { Fuzzer } from "./fuzzer.ts";
import { genuineRequests, httpWords, requestBytes } from "./http-requests.ts";
import { mutate } from "./mutate.ts";
import { runFuzzer } from "./run.ts";
import { fuzzSettings } from "./settings.ts";

/** A failure of the hub is what these statuses would tell. */
const failures = /HTTP\/1\.1 (?:500|501|502|505) [^]*/;

/** A last request, after which the hub closes the connection, if it is one to the hub still. */
const farewell = Buffer.from(
  `GET /health HTTP/1.1\r\nHost: ${hostName}\r\nConnection: close\r\n\r\n`,
);

/** What in the bytes that came back says that the hub has failed. */
function problemWith(answer: string): string | undefined {
  const failure = failures.exec(answer);
  if (failure !== null) return `it was answered ${failure[0].slice(0, 600)}`;
  if (answer !== "" && !answer.startsWith("HTTP/1.1 "))
    return `it was answered ${answer.slice(0, 80)}`;
  return undefined;
}

/** The first answer is that of a use case: neither unreadable nor refused as a stranger's. */
function reached(answer: string): boolean {
  const [head = ""] = answer.split("\r\n\r\n", 1);
  const code = /iothub-errorcode: (\w+)/i.exec(head)?.[1] ?? "";
  const isEarly = code === "GenericBadRequest" || code === "IotHubUnauthorizedAccess";
  return head !== "" && !isEarly && answer.indexOf("HTTP/1.1 ", 1) > 0;
}

/** One connection that stays open; resolves with the status of a read of its module's twin. */
function honestCall(target: HubUnderTest, agent: http.Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = http.request({
      host: "127.0.0.1",
      port: target.port,
      agent,
      path: "/twins/honest/modules/m1?api-version=2021-04-12",
      headers: { host: hostName, authorization: ownerToken },
    });
    sent.on("error", reject);
    sent.on("response", (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode ?? 0));
    });
    sent.end();
  });
}

it(
  "whatever comes as a request, it is answered in order or the connection ends, and others are served",
  async () => {
    const hub = await startFuzzHub();
    const description = await hub.call("GET", "/openapi.json?");
    const genuine = genuineRequests(description.body.paths);
    expect(genuine.length).toBeGreaterThan(300);
    let accepted = 0;
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const fuzzer: Fuzzer = {
      name: "http",
      atATime: 64,
      make(random) {
        const bytes = requestBytes(random.pick(genuine), random);
        return random.oneIn(12) ? bytes : mutate(bytes, random, httpWords);
      },
      async attempt(input) {
        const answer = await exchange(hub.port, [input], farewell);
        if (reached(answer)) accepted += 1;
        return problemWith(answer);
      },
      upkeep: () => hub.restore(),
      problems: () => hub.problems(),
      async honest() {
        expect(await honestCall(hub, agent)).toBe(200);
      },
      async stop() {
        agent.destroy();
        await hub.stop();
        return [];
      },
    };
    const settings = fuzzSettings();
    expectUnharmed(await runFuzzer(fuzzer, settings));
    // Enough got past reading and signing in, so that the use cases were reached.
    expect(accepted).toBeGreaterThan(settings.inputs / 20);
  },
  fuzzSettings().timeout,
);
