import { expect, it } from "vitest";
import type { HubApi } from "../../src/app/hub.ts";
import { HubError } from "../../src/domain/errors.ts";
import type { SasToken } from "../../src/domain/identity/credentials.ts";
import type { IdentityKey } from "../../src/domain/identity/key.ts";
import { signSas } from "../../src/domain/identity/sas.ts";
import { createSasToken, parseSasToken } from "../../src/wire/sas-token.ts";
import { hostName } from "../support/http-hub.ts";
import { expectUnharmed } from "./expect-unharmed.ts";
import type { Fuzzer } from "./fuzzer.ts";
import {
  farExpiry as expiry,
  fuzzKey,
  otherFuzzKey,
  ownerToken,
  startFuzzHub,
} from "./fuzz-hub.ts";
import { mutate } from "./mutate.ts";
import { runFuzzer } from "./run.ts";
import { fuzzSettings } from "./settings.ts";

const device: IdentityKey = { deviceId: "d1" };
const moduleOne: IdentityKey = { deviceId: "d1", moduleId: "m1" };

const resources = {
  device: `${hostName}/devices/d1`,
  module: `${hostName}/devices/d1/modules/m1`,
  hub: hostName,
};
const genuine = [
  createSasToken({ resource: resources.device, key: fuzzKey, expiry }),
  createSasToken({ resource: resources.module, key: otherFuzzKey, expiry }),
  createSasToken({ resource: resources.hub, key: fuzzKey, expiry, policy: "iothubowner" }),
  createSasToken({ resource: resources.device, key: fuzzKey, expiry: 1_000 }),
  createSasToken({ resource: `sb://${hostName}/`, key: fuzzKey, expiry, policy: "iothubowner" }),
].map((text) => Buffer.from(text));

const words = [
  "&sr=",
  "&sig=",
  "&se=",
  "&skn=iothubowner",
  "%2F",
  "%",
  "%00",
  "modules/m1",
  "NaN",
  "1e99",
  "SharedAccessSignature ",
];

/** True if a key of the hub has signed exactly this: then nothing of the token that counts was changed. */
function isSigned({ rawResource, rawExpiry, signature }: SasToken): boolean {
  return [fuzzKey, otherFuzzKey].some((key) => signSas(rawResource, rawExpiry, key) === signature);
}

/** Who the hub takes the bearer for; null if it refuses. */
async function proven(prove: () => Promise<unknown>): Promise<string | null> {
  try {
    await prove();
    return "proven";
  } catch (error) {
    if (error instanceof HubError && error.status === 401 && error.message !== "") return null;
    throw error;
  }
}

async function problemWith(hub: HubApi, text: string): Promise<string | undefined> {
  let token: SasToken;
  try {
    token = parseSasToken(text);
  } catch (error) {
    const refused = error instanceof HubError && error.name === "IotHubUnauthorizedAccess";
    return refused ? undefined : `it threw ${String(error)}`;
  }
  try {
    const credential = { kind: "sas", token } as const;
    const accepted = [
      await proven(() => hub.auth.request(token, "/twins/d1")),
      await proven(() => hub.auth.identity({ key: device, credential })),
      await proven(() => hub.auth.identity({ key: moduleOne, credential })),
      await proven(() => hub.auth.call({ key: moduleOne, credential })),
    ].some((who) => who !== null);
    return accepted && !isSigned(token) ? "a token that no key has signed was accepted" : undefined;
  } catch (error) {
    return `it threw ${String(error)}`;
  }
}

it(
  "whatever stands in a token, nobody is let in whose token no key has signed",
  async () => {
    const target = await startFuzzHub();
    const { hub } = target;
    let calls = 0;
    const fuzzer: Fuzzer = {
      name: "sas-tokens",
      atATime: 8,
      make: (random) => mutate(random.pick(genuine), random, words),
      async attempt(input) {
        const text = input.toString("latin1");
        // Some over the wire as well, as far as a header can hold them.
        if (calls++ % 20 === 0 && /^[\t -~\u0080-\u00ff]*$/.test(text)) {
          const headers = { authorization: text };
          const { status } = await target.call("GET", "/twins/d1", { headers, policy: null });
          if (status !== 200 && status !== 401 && status !== 403)
            return `it was answered ${status}`;
        }
        return problemWith(hub, text);
      },
      problems: () => target.problems(),
      async honest() {
        const headers = { authorization: ownerToken };
        const { status } = await target.call("GET", "/twins/honest/modules/m1", { headers });
        expect(status).toBe(200);
      },
      async stop() {
        await target.stop();
        return [];
      },
    };
    expect(await problemWith(hub, String(genuine[0]))).toBeUndefined();
    expectUnharmed(await runFuzzer(fuzzer, fuzzSettings()));
  },
  fuzzSettings().timeout,
);
