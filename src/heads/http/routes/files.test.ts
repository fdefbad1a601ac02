import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Answer,
  type Call,
  hostName,
  type HubUnderTest,
  startHubUnderTest,
} from "../../../../test/support/http-hub.ts";
import { fileAnswer, filePage, filesState } from "../schemas/files.ts";

let hub: HubUnderTest;
const keys = new Map<string, string>();
const everyAllowedCharacter = "Az09-:.+%_#*?!(),=@;$'";
const identities = [
  "/devices/d1",
  "/devices/d2",
  "/devices/d1/modules/m1",
  `/devices/${encodeURIComponent(everyAllowedCharacter)}`,
];

async function start(options: Parameters<typeof startHubUnderTest>[0] = {}): Promise<void> {
  hub = await startHubUnderTest(options);
  for (const path of identities) {
    const { body } = await hub.call("PUT", path, { body: {} });
    keys.set(path, body.authentication.symmetricKey.primaryKey);
  }
}

/** A call with the identity's own key. */
function as(identity: string, method: string, path: string, call: Call = {}): Promise<Answer> {
  const authorization = hub.token({
    policy: "",
    key: keys.get(identity) ?? "",
    resource: hostName + identity,
  });
  const headers = { authorization, ...call.headers };
  return hub.call(method, path, { ...call, policy: null, headers });
}

const begin = (identity: string, blobName: unknown, path = `${identity}/files`) =>
  as(identity, "POST", path, { body: { blobName } });

function expectRefusal(answer: Answer, status: number, name: string): void {
  expect([answer.status, answer.headers["iothub-errorcode"]]).toEqual([status, name]);
  expect(answer.body.Message).toMatch(new RegExp(`^ErrorCode:${name};[^;]+$`));
}

describe("beginning an upload", () => {
  beforeAll(() => start());
  afterAll(() => hub.stop());

  it.each(["/devices/d1/files", "/devices/d1/files/", "/Devices/d1/Files"])(
    "at %s tells where the file goes",
    async (path) => {
      const answer = await begin("/devices/d1", "f.txt", path);
      expect([answer.status, answer.body]).toEqual([
        200,
        {
          correlationId: expect.stringMatching(/^[A-Za-z0-9]{68}$/),
          hostName,
          containerName: "uploads",
          blobName: "d1/f.txt",
          sasToken: expect.stringMatching(/^\?sv=.*&sr=b&sp=rw&sig=/),
        },
      ]);
    },
  );

  it("tells the host as the device has called it", async () => {
    for (const [host, told] of [
      ["127.0.0.1:8443", "127.0.0.1:8443"],
      [`${hostName}:443`, hostName],
    ] as const) {
      const answer = await as("/devices/d2", "POST", "/devices/d2/files", {
        body: { blobName: "f" },
        headers: { host },
      });
      expect(answer.body.hostName).toBe(told);
    }
  });

  it("works for every character that an id may have, up to the blob and back", async () => {
    const [, , , path = ""] = identities;
    const { body } = await begin(path, "a b%23.txt");
    expect(body.blobName).toBe(`${everyAllowedCharacter}/a b%23.txt`);
    // Clients encode the name, or leave as it is what is no delimiter.
    const encoded = body.blobName.split("/").map(encodeURIComponent).join("/");
    const sent = await hub.call("PUT", `/uploads/${encoded}${body.sasToken}`, {
      policy: null,
      body: "x",
      headers: { "x-ms-blob-type": "BlockBlob", "content-length": "1" },
    });
    expect(sent.status).toBe(201);
    const slashToo = encodeURIComponent(body.blobName);
    const read = await hub.call("GET", `/uploads/${slashToo}${body.sasToken}`, { policy: null });
    expect([read.status, read.text]).toEqual([200, "x"]);
  });

  it.each(["../d2/f", "", "a//b", "\u0000"])("refuses the name %j", async (name) => {
    expectRefusal(await begin("/devices/d1", name), 400, "ArgumentInvalid");
  });

  it("refuses what is no name", async () => {
    expectRefusal(await begin("/devices/d1", 7), 400, "IotHubFormatError");
    expectRefusal(await as("/devices/d1", "POST", "/devices/d1/files"), 400, "ArgumentNull");
  });

  it("refuses other devices, and modules", async () => {
    const foreign = await as("/devices/d2", "POST", "/devices/d1/files", {
      body: { blobName: "f" },
    });
    expectRefusal(foreign, 401, "IotHubUnauthorizedAccess");
    const module = "/devices/d1/modules/m1";
    const asDevice = await as(module, "POST", "/devices/d1/files", { body: { blobName: "f" } });
    expectRefusal(asDevice, 401, "IotHubUnauthorizedAccess");
    expectRefusal(await begin(module, "f"), 404, "GenericNotFound");
  });

  it("takes a policy with DeviceConnect for the device", async () => {
    const call = { body: { blobName: "f" }, policy: "device" };
    expect((await hub.call("POST", "/devices/d2/files", call)).status).toBe(200);
    const service = { ...call, policy: "service" };
    expectRefusal(
      await hub.call("POST", "/devices/d2/files", service),
      401,
      "IotHubUnauthorizedAccess",
    );
    expectRefusal(await hub.call("POST", "/devices/none/files", call), 404, "DeviceNotFound");
  });

  it("refuses an eleventh one", async () => {
    for (;;) {
      const answer = await begin("/devices/d1", "f");
      if (answer.status === 200) continue;
      expectRefusal(answer, 403, "DeviceMaximumActiveFileUploadLimitExceeded");
      expect(answer.body.Message).toContain(
        "Number of active file upload requests cannot exceed 10",
      );
      return;
    }
  });
});

describe("reporting the end of an upload", () => {
  beforeAll(() => start());
  afterAll(() => hub.stop());

  const path = "/devices/d1/files/notifications";
  const report = (body: object, suffix = "") =>
    as("/devices/d1", "POST", `${path}${suffix}`, { body });
  const correlationId = async (): Promise<string> =>
    (await begin("/devices/d1", "f")).body.correlationId;

  it("is answered 204 in both forms", async () => {
    const rest = { isSuccess: false, statusCode: -1, statusDescription: null };
    const newer = await report({ correlationId: await correlationId(), ...rest });
    expect([newer.status, newer.text]).toEqual([204, ""]);
    const older = await report(rest, `/${await correlationId()}`);
    expect([older.status, older.text]).toEqual([204, ""]);
    const slash = await report({ correlationId: await correlationId(), isSuccess: false }, "/");
    expect(slash.status).toBe(204);
  });

  it.each(["x", "", "MjAyNg%3D%3D"])("refuses an unknown id with 400015: '%s'", async (id) => {
    const body = { isSuccess: true, statusCode: 200, statusDescription: "" };
    const answer = id === "" ? await report(body) : await report(body, `/${id}`);
    expectRefusal(answer, 400, "InvalidFileUploadCorrelationId");
  });

  it("refuses the id of another device's upload", async () => {
    const { body } = await begin("/devices/d2", "f");
    const answer = await report({ correlationId: body.correlationId, isSuccess: false });
    expectRefusal(answer, 400, "InvalidFileUploadCorrelationId");
  });

  it("refuses an id after an hour with 400016", async () => {
    const id = await correlationId();
    hub.clock.advance(3_600_000);
    const answer = await report({ correlationId: id, isSuccess: true });
    expectRefusal(answer, 400, "ExpiredFileUploadCorrelationId");
  });

  it.each([{}, { isSuccess: "yes" }, { isSuccess: null }])(
    "refuses what does not say whether it succeeded with 400019: %j",
    async (body) => {
      const answer = await report({ correlationId: await correlationId(), ...body });
      expectRefusal(answer, 400, "InvalidFileUploadCompletionStatus");
    },
  );

  it("refuses success without a blob with 400020", async () => {
    const answer = await report({ correlationId: await correlationId(), isSuccess: true });
    expectRefusal(answer, 400, "InvalidStorageEndpointOrBlob");
  });
});

describe("listing the files of a device", () => {
  beforeAll(() => start());
  afterAll(() => hub.stop());

  async function upload(identity: string, name: string, content: string): Promise<void> {
    const { body } = await begin(identity, name);
    const path = body.blobName.split("/").map(encodeURIComponent).join("/");
    const headers = { "x-ms-blob-type": "BlockBlob", "x-ms-blob-content-type": "text/plain" };
    const sent = await hub.call("PUT", `/uploads/${path}${body.sasToken}`, {
      policy: null,
      body: content,
      headers: { ...headers, "content-length": String(content.length) },
    });
    expect(sent.status).toBe(201);
    const report = { correlationId: body.correlationId, isSuccess: true };
    await as(identity, "POST", `${identity}/files/notifications`, { body: report });
  }

  const list = (folder: string, query = "", policy = "iothubowner") =>
    hub.call("GET", `/$hub/files/${encodeURIComponent(folder)}${query}`, { policy });

  it("tells names, sizes and where they are read, page by page", async () => {
    for (const name of ["b c.txt", "a/1.txt"]) await upload("/devices/d1", name, name);
    await upload("/devices/d2", "other", "x");
    const all = await list("d1");
    for (const file of all.body.files) fileAnswer.strict().parse(file);
    expect(filePage.strict().parse(all.body)).toMatchObject({
      files: [
        { blobName: "d1/a/1.txt", blobSizeInBytes: 7, contentType: "text/plain" },
        { blobName: "d1/b c.txt", blobSizeInBytes: 7, path: "/uploads/d1/b%20c.txt" },
      ],
      more: false,
      openUploads: [],
    });
    const read = await hub.call("GET", all.body.files[1].path);
    expect([read.status, read.text]).toEqual([200, "b c.txt"]);

    const first = await list("d1", "?top=1");
    expect([first.body.files.length, first.body.more]).toEqual([1, true]);
    const after = encodeURIComponent(first.body.files[0].blobName);
    const rest = await list("d1", `?after=${after}`);
    expect(rest.body.files.map((file: { blobName: string }) => file.blobName)).toEqual([
      "d1/b c.txt",
    ]);
    expect((await list("nobody")).body).toMatchObject({ files: [], more: false });
  });

  it("tells of uploads that a device has begun and not finished", async () => {
    await begin("/devices/d2", "video.mp4");
    const expires = expect.stringMatching(/^\d{4}-/);
    expect((await list("d2")).body.openUploads).toEqual([{ blobName: "d2/video.mp4", expires }]);
    hub.clock.advance(3_600_000);
    expect((await list("d2")).body.openUploads).toEqual([]);
  });

  it("needs ServiceConnect, and RegistryWrite where keys of identities may be", async () => {
    const refused = await list("d1", "", "registryReadWrite");
    expectRefusal(refused, 401, "IotHubUnauthorizedAccess");
    expect((await list("d1", "", "service")).status).toBe(200);
    expectRefusal(await list("~registry", "", "service"), 401, "IotHubUnauthorizedAccess");
    expect((await list("~registry", "", "registryReadWrite")).status).toBe(200);
  });

  it("tells that services hear of files, and how many notifications wait", async () => {
    const { body } = await hub.call("GET", "/$hub/files");
    expect(filesState.strict().parse(body)).toEqual({
      storage: "own",
      containerName: "uploads",
      notifications: true,
      waitingNotifications: 3,
    });
  });
});

describe("a hub whose file upload is turned off", () => {
  beforeAll(() => start({ fileStorage: null }));
  afterAll(() => hub.stop());

  it("says that no storage is configured, with 400014", async () => {
    expectRefusal(await begin("/devices/d1", "f"), 400, "DefaultStorageEndpointNotConfigured");
    const body = { correlationId: "x", isSuccess: true };
    const report = await as("/devices/d1", "POST", "/devices/d1/files/notifications", { body });
    expectRefusal(report, 400, "DefaultStorageEndpointNotConfigured");
  });

  it("has no storage", async () => {
    expectRefusal(await hub.call("GET", "/$hub/files/d1"), 404, "FeatureNotSupported");
    expect((await hub.call("GET", "/$hub/files")).body).toMatchObject({ storage: "none" });
    expectRefusal(await hub.call("GET", "/uploads/d1/f"), 404, "GenericNotFound");
  });
});
