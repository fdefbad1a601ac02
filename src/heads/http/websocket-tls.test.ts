import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { type HubUnderTest, startHubUnderTest } from "../../../test/support/http-hub.ts";
import { loadOrCreateTls } from "../../tls/server-certs.ts";
import type { Peer } from "../head.ts";

describe("a WebSocket over TLS", () => {
  let hub: HubUnderTest;
  let own: { key: string[]; cert: string[] };
  let port: number;
  const peers: Peer[] = [];
  let stop: () => Promise<void>;
  beforeAll(async () => {
    hub = await startHubUnderTest();
    const { key, cert } = await loadOrCreateTls({
      directory: null,
      hostNames: ["localhost"],
      now: Date.now(),
    });
    own = { key: [...key], cert: [...cert] };
    const server = createServer({
      ...hub.head.serverOptions,
      ...own,
      requestCert: true,
      rejectUnauthorized: false,
    });
    hub.head.attach(server);
    hub.head.registerWebSocket("AMQPWSB10", { accept: (_stream, peer) => void peers.push(peer) });
    await once(server.listen(0, "127.0.0.1"), "listening");
    ({ port } = server.address() as AddressInfo);
    stop = async () => {
      server.close();
      await hub.stop();
    };
  });
  afterAll(() => stop());

  const dial = (options: object): Promise<unknown> => {
    const url = `wss://127.0.0.1:${port}/$iothub/websocket`;
    const client = new WebSocket(url, "AMQPWSB10", { rejectUnauthorized: false, ...options });
    return once(client, "open");
  };

  it("hands the client's certificate on, leaf first, unverified", async () => {
    await dial(own);
    const leaf = new X509Certificate(own.cert[0] ?? "");
    const shown = peers.at(-1)?.certificate?.chain[0] ?? new Uint8Array();
    expect(Buffer.from(shown).equals(leaf.raw)).toBe(true);
  });

  it("without a client certificate has none", async () => {
    await dial({});
    expect(peers.at(-1)).toMatchObject({ transport: "websocket", certificate: undefined });
  });
});
