import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HubError } from "../errors.ts";
import { blobNameFor, blobPath } from "./blob-name.ts";
import { createBlobSas, verifyBlobSas } from "./blob-sas.ts";
import { uploadLifetime } from "./limits.ts";
import { fileNotificationView } from "./notification.ts";
import { checkRoom, findUpload, newCorrelationId, readIsSuccess } from "./upload.ts";

const now = Date.parse("2026-05-01T10:00:00Z");
const uuid = "00000000-1111-2222-3333-444444444444";

describe("the name of a blob", () => {
  it("is the device's id, a slash and the given name", () => {
    expect(blobNameFor("d1", "logs/day 1.txt")).toBe("d1/logs/day 1.txt");
    expect(blobPath("d#1/día.txt")).toBe("d%231/d%C3%ADa.txt");
  });

  it.each([
    "",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "../d2/f",
    "a/../../d2/f",
    "a/./b",
    "%2e%2e/f",
    "a\\b",
    "a\nb",
    "\ud800",
    "x".repeat(1022),
    "a/".repeat(254) + "b",
  ])("refuses %j, which a URL would not carry unchanged", (name) => {
    expect(() => blobNameFor("d1", name)).toThrow(HubError);
  });

  it("refuses devices whose id a URL would resolve", () => {
    expect(() => blobNameFor("..", "f")).toThrow(HubError);
    expect(() => blobNameFor(".", "f")).toThrow(HubError);
  });

  it("never leaves the device's own folder, whatever is given", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), (given) => {
        let name: string;
        try {
          name = blobNameFor("d1", given);
        } catch {
          return;
        }
        const { pathname } = new URL(`https://hub.test/uploads/${blobPath(name)}`);
        expect(decodeURIComponent(pathname)).toBe(`/uploads/${name}`);
        expect(pathname.startsWith("/uploads/d1/")).toBe(true);
      }),
    );
  });
});

describe("a correlation id", () => {
  const id = newCorrelationId(now, uuid);
  const upload = {
    correlationId: id,
    blobName: "d1/f",
    expires: now + uploadLifetime,
    sequence: 1,
  };

  it("is Base64 that needs no escaping", () => {
    expect(id).toMatch(/^MjAyNj[A-Za-z0-9]{62}$/);
  });

  it("finds its upload until an hour has gone", () => {
    expect(findUpload([upload], id, now + uploadLifetime - 1)).toBe(upload);
    for (const uploads of [[upload], []])
      expect(() => findUpload(uploads, id, now + uploadLifetime)).toThrow(
        expect.objectContaining({ number: 400016 }),
      );
  });

  it.each(["", "x", newCorrelationId(now, uuid.replace("4", "5")), "A".repeat(100_000)])(
    "that means nothing is told so: %.80s",
    (unknown) => {
      expect(() => findUpload([upload], unknown, now)).toThrow(
        expect.objectContaining({ number: 400015 }),
      );
    },
  );

  it("is not given to an eleventh upload", () => {
    checkRoom(Array.from({ length: 9 }, () => upload));
    expect(() => checkRoom(Array.from({ length: 10 }, () => upload))).toThrow(
      expect.objectContaining({
        number: 403006,
        message: "Number of active file upload requests cannot exceed 10",
      }),
    );
  });
});

it.each([undefined, null, 1, "true", {}])("a report must say whether it succeeded: %j", (value) => {
  expect(() => readIsSuccess(value)).toThrow(expect.objectContaining({ number: 400019 }));
});

it("a notification has the members of IoT Hub's", () => {
  const file = { deviceId: "d1", blobUri: "https://h/c/d1/f", blobName: "d1/f", size: 7 };
  expect(fileNotificationView({ ...file, lastModified: now - 1500 }, now)).toEqual({
    deviceId: "d1",
    blobUri: "https://h/c/d1/f",
    blobName: "d1/f",
    lastUpdatedTime: "2026-05-01T09:59:58+00:00",
    blobSizeInBytes: 7,
    enqueuedTimeUtc: "2026-05-01T10:00:00.0000000Z",
  });
});

describe("a shared access signature of a blob", () => {
  const key = Buffer.from("a key of this test").toString("base64");
  const resource = { account: "a", container: "c", blob: "d1/f" };
  const read = (text: string) => {
    const query = new URLSearchParams(text);
    const field = (name: string): string => query.get(name) ?? "";
    return {
      sv: field("sv"),
      sr: field("sr"),
      sp: field("sp"),
      se: field("se"),
      sig: field("sig"),
      spr: field("spr"),
    };
  };
  const signature = read(createBlobSas(resource, "rw", now + 60_000, key));

  it("has the form of Azure Storage's", () => {
    expect(createBlobSas(resource, "rw", now + 60_999, key)).toMatch(
      /^\?sv=2019-12-12&spr=https&se=2026-05-01T10%3A01%3A00Z&sr=b&sp=rw&sig=[\w%]+$/,
    );
  });

  it("is good for its blob until it expires", () => {
    expect(verifyBlobSas(resource, signature, now + 59_999, key)).toBe(true);
    expect(verifyBlobSas(resource, signature, now + 60_000, key)).toBe(false);
  });

  it.each([
    ["another blob", { ...resource, blob: "d1/g" }, signature],
    ["another container", { ...resource, container: "d" }, signature],
    ["more rights", resource, { ...signature, sp: "rwd" }],
    ["a later end", resource, { ...signature, se: "2027-01-01T00:00:00Z" }],
    ["an end that is no time", resource, { ...signature, se: "never" }],
    ["a whole container", resource, { ...signature, sr: "c" }],
    ["no signature", resource, { ...signature, sig: "" }],
    ["a longer signature", resource, { ...signature, sig: `${signature.sig}=` }],
  ])("is not good for %s", (_what, other, shown) => {
    expect(verifyBlobSas(other, shown, now, key)).toBe(false);
  });

  it("does not mistake a line break in one field for the next field", () => {
    const moved = { ...signature, sp: "", se: `rw\n\n${signature.se}` };
    expect(verifyBlobSas(resource, moved, now, key)).toBe(false);
  });
});
