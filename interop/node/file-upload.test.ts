import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import {
  BlobSASPermissions,
  BlockBlobClient,
  SASProtocol,
  StorageSharedKeyCredential,
  generateBlobSASQueryParameters,
} from "@azure/storage-blob";
import device from "azure-iot-device";
import deviceHttp from "azure-iot-device-http";
import deviceMqtt from "azure-iot-device-mqtt";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createBlobSas, sasVersion } from "../../src/domain/files/blob-sas.ts";
import { hubOfFile } from "./hub.ts";
import { noRetry, register } from "./support.ts";
import type { Subject } from "./support.ts";

const transports = { mqtt: deviceMqtt.Mqtt, http: deviceHttp.Http } as const;
const mebibyte = 2 ** 20;

const hub = await hubOfFile();
let subject: Subject;
let client: device.Client;

async function open(transport: keyof typeof transports): Promise<void> {
  subject = await register(hub, "device");
  client = device.Client.fromConnectionString(subject.connectionString(), transports[transport]);
  client.setRetryPolicy(noRetry);
  // Over HTTP the SDK never says that it has taken the options over; for uploads it has done so at once.
  const configured = client.setOptions({ ca: hub.caPem });
  if (transport === "mqtt") await configured;
}
afterEach(() => client.close());

/** The blob with the rights of a ticket, through Azure's own library. */
function blobOf(ticket: Ticket): BlockBlobClient {
  const { hostName, containerName, blobName, sasToken } = ticket;
  return new BlockBlobClient(`https://${hostName}/${containerName}/${blobName}${sasToken}`);
}

interface Ticket {
  readonly correlationId: string;
  readonly hostName: string;
  readonly containerName: string;
  readonly blobName: string;
  readonly sasToken: string;
}

async function begin(name: string): Promise<Ticket> {
  return (await client.getBlobSharedAccessSignature(name)) as Ticket;
}

async function stored(name: string): Promise<Buffer> {
  return blobOf(await begin(name)).downloadToBuffer();
}

describe.each(["mqtt", "http"] as const)("a device that uploads files, connected by %s", (name) => {
  beforeEach(() => open(name));

  it.each([1, 100_000, 20 * mebibyte])("sends %i bytes with uploadToBlob", async (size) => {
    const content = randomBytes(size);
    await client.uploadToBlob("logs/day 1.bin", Readable.from(pieces(content)), size);
    expect((await stored("logs/day 1.bin")).equals(content)).toBe(true);
  });

  it("gets a signature, uploads by itself, and reports", async () => {
    const ticket = await begin("report.txt");
    expect(ticket).toMatchObject({
      hostName: hub.hostName,
      containerName: "uploads",
      blobName: `${subject.deviceId}/report.txt`,
    });
    await blobOf(ticket).upload("all is well", 11);
    await client.notifyBlobUploadStatus(ticket.correlationId, true, 200, "done");
    const again = client.notifyBlobUploadStatus(ticket.correlationId, true, 200, "done");
    await expect(again).rejects.toThrow(/./);
    expect((await stored("report.txt")).toString()).toBe("all is well");
  });

  it("is told when it reports a file that never came, and may report a failure", async () => {
    const { correlationId } = await begin("none.txt");
    const report = client.notifyBlobUploadStatus(correlationId, true, 200, "done");
    await expect(report).rejects.toThrow("Bad Request");
    await client.notifyBlobUploadStatus(correlationId, false, 500, "gave up");
  });

  it("has at most ten uploads open", async () => {
    const tickets = [];
    for (let index = 0; index < 10; index++) tickets.push(await begin(`f${index}`));
    await expect(begin("f10")).rejects.toThrow(/./);
    await client.notifyBlobUploadStatus(tickets[0]?.correlationId ?? "", false, 500, "gave up");
    await begin("f10");
  });
});

describe("Azure's storage library", () => {
  beforeEach(() => open("mqtt"));

  it("sends 20 MiB in parallel blocks and reads them back, whole and in part", async () => {
    const content = randomBytes(20 * mebibyte + 7);
    const blob = blobOf(await begin("big.bin"));
    await blob.uploadData(content, {
      blockSize: 4 * mebibyte,
      maxSingleShotSize: mebibyte,
      concurrency: 4,
      blobHTTPHeaders: { blobContentType: "application/x-log", blobContentEncoding: "identity" },
      metadata: { line: "7" },
    });
    const properties = await blob.getProperties();
    expect(properties).toMatchObject({
      contentLength: content.length,
      contentType: "application/x-log",
      blobType: "BlockBlob",
      metadata: { line: "7" },
    });
    expect((await blob.downloadToBuffer()).equals(content)).toBe(true);
    const part = await blob.downloadToBuffer(4 * mebibyte - 10, 20);
    expect(part.equals(content.subarray(4 * mebibyte - 10, 4 * mebibyte + 10))).toBe(true);
  });

  it("honours conditions", async () => {
    const blob = blobOf(await begin("once.txt"));
    const first = await blob.upload("1", 1, { conditions: { ifNoneMatch: "*" } });
    await expect(blob.upload("2", 1, { conditions: { ifNoneMatch: "*" } })).rejects.toMatchObject({
      statusCode: 409,
      code: "BlobAlreadyExists",
    });
    await blob.upload("3", 1, { conditions: { ifMatch: first.etag ?? "" } });
    await expect(
      blob.upload("4", 1, { conditions: { ifMatch: first.etag ?? "" } }),
    ).rejects.toMatchObject({ statusCode: 412 });
    expect((await blob.downloadToBuffer()).toString()).toBe("3");
  });

  it("is refused another blob, an expired signature, and a deletion", async () => {
    const mine = await begin("mine.txt");
    const foreign = blobOf({ ...mine, blobName: "somebody/else.txt" });
    await expect(foreign.upload("x", 1)).rejects.toMatchObject({
      statusCode: 403,
      code: "AuthenticationFailed",
    });
    await expect(blobOf(mine).delete()).rejects.toMatchObject({ statusCode: 403 });
    hub.clock.advance(3_600_000);
    await expect(blobOf(mine).upload("x", 1)).rejects.toMatchObject({ statusCode: 403 });
  });
});

describe("a signature", () => {
  const accountKey = randomBytes(64).toString("base64");
  const credential = new StorageSharedKeyCredential("a1", accountKey);
  const expiresOn = new Date("2026-05-01T10:00:00Z");

  it.each(["d1/f.txt", "d#1/día 1%23.txt"])(
    "for %s is the one that Azure's library makes",
    (blobName) => {
      const values = {
        version: sasVersion,
        protocol: SASProtocol.Https,
        expiresOn,
        containerName: "c1",
        blobName,
        permissions: BlobSASPermissions.parse("rw"),
      };
      const expected = generateBlobSASQueryParameters(values, credential).toString();
      const made = createBlobSas(
        { account: "a1", container: "c1", blob: blobName },
        "rw",
        expiresOn.getTime(),
        accountKey,
      );
      expect(made).toBe(`?${expected}`);
    },
  );
});

function* pieces(content: Buffer): Generator<Buffer> {
  for (let start = 0; start < content.length; start += 65_536)
    yield content.subarray(start, start + 65_536);
}
