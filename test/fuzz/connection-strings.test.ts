import { expect, it } from "vitest";
import { readStorageAccount } from "../../src/config/storage-account.ts";
import { HubError } from "../../src/domain/errors.ts";
import { formatConnectionString, parseConnectionString } from "../../src/wire/connection-string.ts";
import { expectUnharmed } from "./expect-unharmed.ts";
import type { Fuzzer } from "./fuzzer.ts";
import { mutate } from "./mutate.ts";
import { runFuzzer } from "./run.ts";
import { fuzzSettings } from "./settings.ts";

const key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/** Enough of the key that a message with it in would give it away. */
const telling = key.slice(4, 16);

const genuine = [
  `HostName=hub.example.com;SharedAccessKeyName=iothubowner;SharedAccessKey=${key}`,
  `HostName=hub.example.com;DeviceId=d1;SharedAccessKey=${key}`,
  `HostName=hub.example.com;DeviceId=d1;ModuleId=m1;SharedAccessKey=${key}`,
  `HostName=hub.example.com;DeviceId=d1;ModuleId=m1;SharedAccessKey=${key};GatewayHostName=gw`,
  "HostName=hub.example.com;DeviceId=d1;x509=true",
  "HostName=127.0.0.1;DeviceId=d1;SharedAccessSignature=SharedAccessSignature sr=h&sig=YQ%3D%3D&se=1",
  `DefaultEndpointsProtocol=https;AccountName=a1;AccountKey=${key};EndpointSuffix=core.windows.net`,
  `AccountName=a1;AccountKey=${key};BlobEndpoint=https://127.0.0.1:10000/a1`,
].map((text) => Buffer.from(text));

const words = [
  "HostName=",
  ";",
  "=",
  ";;",
  "x509=true",
  "__proto__=1;",
  "constructor=x;",
  "DeviceId=",
];

/** A connection string is read or refused in words; what is read is written and read again as the same. */
function problemWith(text: string): string | undefined {
  const account = readStorageAccount(text);
  if (typeof account === "string" && (account === "" || account.includes(telling)))
    return `a storage account's refusal says '${account}'`;
  try {
    const read = parseConnectionString(text);
    expect(parseConnectionString(formatConnectionString(read))).toEqual(read);
    return undefined;
  } catch (error) {
    if (!(error instanceof HubError)) return `it threw ${String(error)}`;
    const { name, message } = error;
    const fits = name === "ArgumentInvalid" && message !== "" && !/[;]/.test(message);
    return fits && !message.includes(telling) ? undefined : `the refusal is ${name}: ${message}`;
  }
}

const fuzzer: Fuzzer = {
  name: "connection-strings",
  atATime: 1,
  make: (random) => mutate(random.pick(genuine), random, words),
  attempt: async (input) => problemWith(input.toString()),
};

it(
  "whatever stands in a connection string, it is read or refused in words without its key",
  async () => expectUnharmed(await runFuzzer(fuzzer, fuzzSettings())),
  fuzzSettings().timeout,
);
