import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Answer,
  hostName,
  type HubUnderTest,
  startHubUnderTest,
} from "../../../../test/support/http-hub.ts";
import { createMemoryBlobStore } from "../../../stores/blobs/memory.ts";

let hub: HubUnderTest;
let count = 0;

async function start(options: Parameters<typeof startHubUnderTest>[0] = {}): Promise<void> {
  hub = await startHubUnderTest(options);
  await hub.call("PUT", "/devices/d1", { body: {} });
}

/** A new blob with a device's signature. */
async function newBlob(): Promise<{ path: string; sas: string }> {
  if (count++ % 10 === 0) await hub.call("DELETE", "/devices/d1", { headers: { "if-match": "*" } });
  await hub.call("PUT", "/devices/d1", { body: {} });
  const { body } = await hub.call("POST", "/devices/d1/files", {
    policy: "device",
    body: { blobName: `f${count}` },
  });
  return { path: `/uploads/${body.blobName}`, sas: body.sasToken };
}

const block = { "x-ms-blob-type": "BlockBlob" };

function send(
  method: string,
  { path, sas }: { path: string; sas: string },
  more: { query?: string; body?: string | Uint8Array; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const { query = "", body, headers = {} } = more;
  return hub.call(method, `${path}${sas}${query}`, {
    policy: null,
    ...(body === undefined ? {} : { body }),
    headers: {
      ...(body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }),
      ...headers,
    },
  });
}

function expectRefusal(answer: Answer, status: number, code: string): void {
  expect([answer.status, answer.headers["x-ms-error-code"]]).toEqual([status, code]);
  expect(answer.headers["content-type"]).toBe("application/xml");
  expect(answer.text).toMatch(
    new RegExp(
      `^<\\?xml version="1.0" encoding="utf-8"\\?><Error><Code>${code}</Code><Message>[^<>]+</Message></Error>$`,
    ),
  );
}

describe("the blob endpoint", () => {
  beforeAll(() => start());
  afterAll(() => hub.stop());

  it("stores a blob and tells what Azure Storage tells", async () => {
    const blob = await newBlob();
    const put = await send("PUT", blob, {
      body: "hello",
      headers: {
        ...block,
        "content-type": "text/plain",
        "content-md5": "XUFAKrxLKna5cZ2REBfFkg==",
        "x-ms-meta-room": "7",
        "x-ms-version": "2021-10-04",
        "x-ms-client-request-id": "id-1",
      },
    });
    expect([put.status, put.text]).toEqual([201, ""]);
    expect(put.headers).toMatchObject({
      etag: expect.stringMatching(/^"0x[0-9A-F]{15}"$/),
      "last-modified": expect.stringMatching(/GMT$/),
      "content-md5": "XUFAKrxLKna5cZ2REBfFkg==",
      "x-ms-version": "2021-10-04",
      "x-ms-client-request-id": "id-1",
      "x-ms-request-id": expect.stringMatching(/^[0-9a-f-]{36}$/),
      date: expect.stringMatching(/GMT$/),
    });
    const get = await send("GET", blob);
    expect([get.status, get.text]).toEqual([200, "hello"]);
    expect(get.headers).toMatchObject({
      etag: put.headers.etag,
      "content-length": "5",
      "content-type": "text/plain",
      "content-md5": "XUFAKrxLKna5cZ2REBfFkg==",
      "x-ms-blob-type": "BlockBlob",
      "x-ms-meta-room": "7",
      "x-content-type-options": "nosniff",
      "content-security-policy": "sandbox; default-src 'none'",
    });
    const head = await send("HEAD", blob);
    expect([head.status, head.text, head.headers["content-length"]]).toEqual([200, "", "5"]);
    expect(head.headers["content-type"]).toBe("text/plain");
  });

  it("joins blocks by their list, in every form that clients write", async () => {
    const blob = await newBlob();
    for (const [id, text] of [
      ["AAA=", "one "],
      ["/+8=", "two "],
    ] as const) {
      const query = `&comp=block&blockid=${encodeURIComponent(id)}`;
      expect((await send("PUT", blob, { query, body: text })).status).toBe(201);
    }
    const list =
      '\ufeff<?xml version="1.0" encoding="utf-8"?>\n<BlockList>\n  <Latest>/+8=</Latest>\n  <Uncommitted>AAA=</Uncommitted>\n</BlockList>\n';
    const commit = await send("PUT", blob, {
      query: "&comp=blocklist",
      body: list,
      headers: { "content-type": "application/xml", "x-ms-blob-content-type": "text/csv" },
    });
    expect([commit.status, commit.text]).toEqual([201, ""]);
    const get = await send("GET", blob);
    expect([get.text, get.headers["content-type"]]).toEqual(["two one ", "text/csv"]);
  });

  it.each([
    ["bytes=0-1", 206, "he", "bytes 0-1/5"],
    ["bytes=3-", 206, "lo", "bytes 3-4/5"],
    ["bytes=3-100", 206, "lo", "bytes 3-4/5"],
    ["bytes=0-1,3-4", 200, "hello", undefined],
  ])("reads %s", async (range, status, text, contentRange) => {
    const blob = await newBlob();
    await send("PUT", blob, { body: "hello", headers: block });
    for (const name of ["range", "x-ms-range"]) {
      const get = await send("GET", blob, { headers: { [name]: range } });
      expect([get.status, get.text, get.headers["content-range"]]).toEqual([
        status,
        text,
        contentRange,
      ]);
    }
    expectRefusal(
      await send("GET", blob, { headers: { range: "bytes=5-9" } }),
      416,
      "InvalidRange",
    );
  });

  it("says that the container is there to whoever would create it", async () => {
    const answer = await hub.call("PUT", "/uploads?restype=container", { policy: null });
    expectRefusal(answer, 409, "ContainerAlreadyExists");
  });

  it("lets services read and delete, and others not", async () => {
    const blob = await newBlob();
    await send("PUT", blob, { body: "hello", headers: block });
    expect((await hub.call("GET", blob.path, { policy: "service" })).text).toBe("hello");
    for (const policy of [null, "device", "registryRead"])
      expectRefusal(
        await hub.call("GET", blob.path, { policy }),
        401,
        "NoAuthenticationInformation",
      );
    expect((await hub.call("DELETE", blob.path, { policy: "service" })).status).toBe(202);
    expectRefusal(await hub.call("GET", blob.path, { policy: "service" }), 404, "BlobNotFound");
    const head = await hub.call("HEAD", blob.path, { policy: "service" });
    expect([head.status, head.text, head.headers["x-ms-error-code"]]).toEqual([
      404,
      "",
      "BlobNotFound",
    ]);
  });

  it("refuses a signature for another blob, a changed one and an expired one", async () => {
    const blob = await newBlob();
    const foreign = await send(
      "PUT",
      { ...blob, path: "/uploads/d2/f" },
      { body: "x", headers: block },
    );
    expectRefusal(foreign, 403, "AuthenticationFailed");
    expect(foreign.text).not.toContain("sig=");
    const more = await send("DELETE", { ...blob, sas: blob.sas.replace("sp=rw", "sp=rwd") });
    expectRefusal(more, 403, "AuthenticationFailed");
    expectRefusal(await send("DELETE", blob), 403, "AuthorizationPermissionMismatch");
    const later = blob.sas.replace(/se=\d{4}/, "se=2999");
    expectRefusal(await send("GET", { ...blob, sas: later }), 403, "AuthenticationFailed");
    hub.clock.advance(3_600_000);
    expectRefusal(
      await send("PUT", blob, { body: "x", headers: block }),
      403,
      "AuthenticationFailed",
    );
  });

  it.each([
    "/uploads/d1/../d1/f",
    "/uploads/%2e%2e/hub.db",
    "/uploads/../../etc/passwd",
    "/uploads//etc/passwd",
    "/uploads/d1%5c..%5cf",
    "/uploads/d1%00",
    "/uploads/",
  ])("finds nothing at %s", async (path) => {
    const { sas } = await newBlob();
    const signed = await send("GET", { path, sas });
    expect(signed.status).toBeGreaterThanOrEqual(400);
    const service = await hub.call("GET", path, { policy: "service" });
    expect(service.status).toBeGreaterThanOrEqual(400);
  });

  it.each([
    ["a wrong MD5", {}, { "content-md5": "AAAAAAAAAAAAAAAAAAAAAA==" }, 400, "Md5Mismatch"],
    ["an MD5 that is none", {}, { "content-md5": "x" }, 400, "InvalidMd5"],
    ["a page blob", {}, { "x-ms-blob-type": "PageBlob" }, 409, "InvalidBlobType"],
    ["no type", {}, { "x-ms-blob-type": undefined }, 400, "MissingRequiredHeader"],
    [
      "an empty block",
      { query: "&comp=block&blockid=AAA%3D", body: "" },
      {},
      400,
      "InvalidHeaderValue",
    ],
    ["a block id that is none", { query: "&comp=block&blockid=%00" }, {}, 400, "InvalidBlockId"],
    [
      "a block id of 65 bytes",
      { query: `&comp=block&blockid=${"A".repeat(87)}%3D` },
      {},
      400,
      "InvalidBlockId",
    ],
    ["a block without id", { query: "&comp=block" }, {}, 400, "InvalidQueryParameterValue"],
    ["what it does not know", { query: "&comp=lease" }, {}, 400, "InvalidQueryParameterValue"],
    ["a list that is none", { query: "&comp=blocklist" }, {}, 400, "InvalidXmlDocument"],
    [
      "a list of unknown blocks",
      { query: "&comp=blocklist", body: "<BlockList><Latest>AAA=</Latest></BlockList>" },
      {},
      400,
      "InvalidBlockList",
    ],
    ["metadata of 9 KiB", {}, { "x-ms-meta-a": "x".repeat(9000) }, 400, "MetadataTooLarge"],
    ["an old content that is not there", {}, { "if-match": '"0x1"' }, 412, "ConditionNotMet"],
  ])("refuses %s, and goes on with the connection", async (_what, more, headers, status, code) => {
    const blob = await newBlob();
    const all = Object.entries({ ...block, ...headers }).filter(([, value]) => value !== undefined);
    const answer = await send("PUT", blob, {
      body: "content",
      ...more,
      headers: Object.fromEntries(all) as Record<string, string>,
    });
    expectRefusal(answer, status, code);
    expectRefusal(await send("GET", blob), 404, "BlobNotFound");
  });

  it("needs to know how long a content is", async () => {
    const blob = await newBlob();
    const headers = { ...block, "transfer-encoding": "chunked" };
    const answer = await hub.call("PUT", blob.path + blob.sas, {
      policy: null,
      body: "x",
      headers,
    });
    expectRefusal(answer, 411, "MissingContentLengthHeader");
  });

  it("replaces a blob only under the condition that is given", async () => {
    const blob = await newBlob();
    const put = (body: string, headers = {}) =>
      send("PUT", blob, { body, headers: { ...block, ...headers } });
    const first = await put("1", { "if-none-match": "*" });
    expectRefusal(await put("2", { "if-none-match": "*" }), 409, "BlobAlreadyExists");
    const etag = String(first.headers.etag);
    expect((await put("3", { "if-match": etag })).status).toBe(201);
    expectRefusal(await put("4", { "if-match": etag }), 412, "ConditionNotMet");
    const get = await send("GET", blob);
    expect(get.text).toBe("3");
    const again = await send("GET", blob, {
      headers: { "if-none-match": String(get.headers.etag) },
    });
    expect([again.status, again.text]).toEqual([304, ""]);
  });

  it("answers other hosts as the rest of the hub does", async () => {
    const { path, sas } = await newBlob();
    const answer = await send("GET", { path, sas }, { headers: { host: "evil.test" } });
    expectRefusal(answer, 400, "InvalidInput");
  });
});

describe("the limits of the blob endpoint", () => {
  it("refuse what is too large before it is sent", async () => {
    const blobs = createMemoryBlobStore({
      clock: { now: () => 0 },
      capacity: 5000,
      limits: { blockBytes: 10, singleBlobBytes: 4000 },
    });
    await start({ fileStorage: { kind: "own", blobs, address: () => hostName } });
    const blob = await newBlob();
    const large = await send("PUT", blob, { body: "x".repeat(4001), headers: block });
    expectRefusal(large, 413, "RequestBodyTooLarge");
    const query = "&comp=block&blockid=AAA%3D";
    expectRefusal(
      await send("PUT", blob, { query, body: "x".repeat(11) }),
      413,
      "RequestBodyTooLarge",
    );
    expect((await send("PUT", blob, { body: "x".repeat(4000), headers: block })).status).toBe(201);
    const full = await send("PUT", await newBlob(), { body: "x".repeat(4000), headers: block });
    expectRefusal(full, 507, "InsufficientStorage");
    await hub.stop();
  });

  it("cut off a sender that pauses, and keep nothing of what it sent", async () => {
    await start({ limits: { blobStall: 500 } });
    const blob = await newBlob();
    const socket = hub.open();
    socket.on("error", () => undefined);
    const closed = new Promise((resolve) => void socket.once("close", resolve));
    socket.write(
      `PUT ${blob.path}${blob.sas} HTTP/1.1\r\nHost: ${hostName}\r\nx-ms-blob-type: BlockBlob\r\nContent-Length: 10\r\n\r\nbegin`,
    );
    await closed;
    expectRefusal(await send("GET", blob), 404, "BlobNotFound");
    await hub.stop();
  });

  it("let a sender take longer than other requests while it goes on", async () => {
    // Seconds, because the requests before and after the slow one have to keep to them on a busy machine.
    const limits = { requestTimeout: 2_000, headersTimeout: 2_000, timeoutCheckInterval: 50 };
    await start({ limits: { blobStall: 60_000, ...limits } });
    const blob = await newBlob();
    const socket = hub.open();
    let text = "";
    socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
    socket.write(
      `PUT ${blob.path}${blob.sas} HTTP/1.1\r\nHost: ${hostName}\r\nx-ms-blob-type: BlockBlob\r\nContent-Length: 3\r\n\r\n`,
    );
    for (const piece of ["a", "b", "c"]) {
      await new Promise<void>((resolve) => void hub.clock.after(1_000, resolve));
      socket.write(piece);
    }
    await expect.poll(() => text).toMatch(/^HTTP\/1\.1 201 /);
    socket.destroy();
    expect((await send("GET", blob)).text).toBe("abc");
    await hub.stop();
  });
});
