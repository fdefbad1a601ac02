import { type IncomingMessage, type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAzureStorage } from "./azure-storage.ts";

const clock = { now: () => Date.parse("2026-05-01T10:00:00Z") };
const accountKey = Buffer.from("not a secret").toString("base64");

describe("an account of Azure Storage", () => {
  let server: Server;
  let blobEndpoint = "";
  let seen: IncomingMessage | undefined;
  let status = 200;

  beforeAll(async () => {
    server = createServer((request, response) => {
      seen = request;
      response.writeHead(status, {
        "content-length": "7",
        "last-modified": "Fri, 01 May 2026 09:59:58 GMT",
      });
      response.end();
    });
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    blobEndpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/a1`;
  });
  afterAll(() => void server.close());

  const storage = (endpoint = blobEndpoint) =>
    createAzureStorage({
      account: { accountName: "a1", accountKey, blobEndpoint: endpoint },
      containerName: "c",
      clock,
    });

  it("is told to devices and services as its own host, with the path of the account", () => {
    const account = storage("https://azurite.test:10000/a1");
    const host = "azurite.test:10000/a1";
    expect(account).toMatchObject({ publicHost: host, containerName: "c" });
    expect(account.hostNameFor("hub.test")).toBe(host);
  });

  it("is asked for a blob by its encoded name, with a signature to read it", async () => {
    status = 200;
    expect(await storage().find("d#1/f 1")).toEqual({
      size: 7,
      lastModified: Date.parse("2026-05-01T09:59:58Z"),
    });
    expect(seen?.method).toBe("HEAD");
    expect(seen?.url).toMatch(/^\/a1\/c\/d%231\/f%201\?sv=2019-12-12&.*&sp=r&sig=/);
    expect(seen?.headers["x-ms-version"]).toBe("2019-12-12");
  });

  it.each([404, 403, 409])("that answers %i has no such blob", async (answer) => {
    status = answer;
    expect(await storage().find("d1/f")).toBeNull();
  });

  it.each([500, 503, 429, 302])("that answers %i cannot be asked now", async (answer) => {
    status = answer;
    await expect(storage().find("d1/f")).rejects.toMatchObject({ name: "ServiceUnavailable" });
  });

  it("that cannot be reached is told without its signature", async () => {
    const gone = storage("http://127.0.0.1:1/a1").find("d1/f");
    await expect(gone).rejects.toMatchObject({
      name: "ServiceUnavailable",
      message: "The storage account cannot be reached: ECONNREFUSED",
    });
  });
});
