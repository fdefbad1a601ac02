import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, vi } from "vitest";
import type { TestHub } from "../../src/testing/index.ts";

/** A busy machine is slow. Milliseconds. */
const patience = { timeout: 30_000, interval: 50 };

/** A webhook's server: answers with `status`, and keeps the bodies of the messages that it was sent. */
export interface Webhook {
  status: number;
  readonly url: string;
  readonly bodies: readonly unknown[];
  close(): Promise<void>;
}

export async function startWebhook(): Promise<Webhook> {
  const bodies: unknown[] = [];
  const server: Server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      for (const { body } of JSON.parse(text) as { body: unknown }[]) bodies.push(body);
      response.writeHead(webhook.status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const webhook: Webhook = {
    status: 500,
    url: `http://127.0.0.1:${port}/in`,
    bodies,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return webhook;
}

/** A message of a device, or of a module `device/module`, with JSON. */
export async function sendMessage(hub: TestHub, sender: string, body: object): Promise<void> {
  const path = `/devices/${sender.replace("/", "/modules/")}/messages/events`;
  const headers = { "iothub-contenttype": "application/json", "iothub-contentencoding": "utf-8" };
  expect((await hub.call("POST", path, body, headers)).status).toBe(204);
}

/** Gives an endpoint two dead letters, one of a device and one of its module. */
export async function makeDeadLetters(hub: TestHub, name: string, url: string): Promise<void> {
  await hub.call("PUT", `/$hub/endpoints/${name}`, { url, maxDeliveryCount: 1 });
  await hub.call("PUT", `/$hub/routes/to-${name}`, { endpointNames: [name, "events"] });
  await sendMessage(hub, "room-001", { door: "open" });
  await sendMessage(hub, "room-001/climate", { temperature: 99 });
  await vi.waitFor(async () => {
    hub.clock.advance(5_000);
    const { body } = await hub.call("GET", `/$hub/endpoints/${name}`);
    expect(body.deadLetters).toBe(2);
  }, patience);
}

/** A file as a device uploads it. */
export async function uploadFile(hub: TestHub, deviceId: string, name: string): Promise<void> {
  const { body } = await hub.call("POST", `/devices/${deviceId}/files`, { blobName: name });
  const sent = await hub.call(
    "PUT",
    `/uploads/${encodeURI(body.blobName)}${body.sasToken}`,
    { content: name },
    { "x-ms-blob-type": "BlockBlob", "x-ms-blob-content-type": "text/html" },
  );
  expect(sent.status).toBe(201);
  const report = { correlationId: body.correlationId, isSuccess: true };
  await hub.call("POST", `/devices/${deviceId}/files/notifications`, report);
}

/** An export that is over. */
export async function exportRegistry(hub: TestHub, folder: string): Promise<void> {
  const outputBlobContainerUri = `https://${hub.hostName}/uploads/${folder}`;
  const { body } = await hub.call("POST", "/jobs/create", {
    type: "export",
    outputBlobContainerUri,
    excludeKeysInExport: true,
  });
  await vi.waitFor(async () => {
    const job = await hub.call("GET", `/jobs/${body.jobId}`);
    expect(job.body.status).toBe("completed");
  }, patience);
}
