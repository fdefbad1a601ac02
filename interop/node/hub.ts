/** The hub that the tests of one file share. */
import { afterAll, afterEach } from "vitest";
import { type TestHubOptions, type TestHub, startHub } from "../../src/testing/index.ts";
import { closeClients, trust } from "./support.ts";

/**
 * Starts a hub at the ports of the protocols, which the SDKs cannot be told otherwise, and has this process trust it.
 * Clients that a test opens by `openClient` are closed after it, the hub after the last one.
 */
export async function hubOfFile(options: TestHubOptions = {}): Promise<TestHub> {
  const hub = await startHub({ ports: "standard", ...options });
  trust(hub);
  afterEach(closeClients);
  afterAll(() => hub.stop());
  return hub;
}
