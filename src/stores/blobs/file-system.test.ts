import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { BlobContent } from "../../app/ports.ts";
import { blobSuiteLimits, describeBlobStore } from "../conformance/blob-suite.ts";
import { openFileBlobStore } from "./file-system.ts";

const root = mkdtempSync(path.join(tmpdir(), "blobs-"));
let directories = 0;
afterAll(() => rmSync(root, { recursive: true, force: true }));
const newDirectory = (): string => path.join(root, String(directories++));

describeBlobStore("file system", async (clock) => {
  const directory = newDirectory();
  const options = { directory, clock, durability: "os" as const, limits: blobSuiteLimits };
  return {
    store: await openFileBlobStore({ ...options, reserve: 0 }),
    reopen: () => openFileBlobStore({ ...options, reserve: 0 }),
    close: async () => {},
  };
});

const clock = { now: () => 1_750_000_000_000 };
const plain = () => ({ contentType: "a/b", metadata: {} });

async function* text(value: string): BlobContent {
  yield Buffer.from(value);
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

describe("a file system blob store", () => {
  it("keeps everything in its directory, for its owner only, under names of its own", async () => {
    const directory = newDirectory();
    const store = await openFileBlobStore({ directory, clock, durability: "disk", reserve: 0 });
    const before = readdirSync(root);
    await store.putBlob("../../d1/a.txt", text("content"), plain, () => {});
    await store.putBlock("d1/../../b", Buffer.alloc(64, 0xff), text("block"));
    expect(readdirSync(root)).toEqual(before);
    const files = filesBelow(directory);
    expect(files).toHaveLength(4);
    for (const file of files) {
      expect(path.relative(directory, file)).toMatch(
        /^(?:content|waiting|folders)[\\/][0-9a-f/\\]+/,
      );
      expect(statSync(file).mode & 0o077).toBe(0);
    }
  });

  it("leaves no file behind that belongs to nothing", async () => {
    const directory = newDirectory();
    const store = await openFileBlobStore({ directory, clock, durability: "os", reserve: 0 });
    const commit = (...ids: readonly string[]) =>
      store.commit(
        "d1/a",
        ids.map((id) => ({ id: Buffer.from(id).toString("base64"), from: "latest" })),
        plain(),
        () => {},
      );
    await store.putBlob("d1/a", text("one"), plain, () => {});
    await store.putBlob("d1/a", text("two"), plain, () => {});
    expect(filesBelow(directory)).toHaveLength(3);
    for (const id of ["1", "2", "3"]) await store.putBlock("d1/a", Buffer.from(id), text(id));
    await expect(commit("4")).rejects.toThrow(/block list/);
    await commit("1", "2");
    expect(filesBelow(directory)).toHaveLength(4);
    await commit("2");
    expect(filesBelow(directory)).toHaveLength(3);
    await store.delete("d1/a");
    expect(filesBelow(directory)).toEqual([]);
  });

  it("begins with an empty place for what is being written", async () => {
    const directory = newDirectory();
    const first = await openFileBlobStore({ directory, clock, durability: "os", reserve: 0 });
    async function* endless(): BlobContent {
      yield Buffer.from("begun");
      await new Promise(() => {});
    }
    void first.putBlock("d1/a", Buffer.from("1"), endless());
    await expect.poll(() => filesBelow(directory).length).toBe(1);
    await openFileBlobStore({ directory, clock, durability: "os", reserve: 0 });
    expect(filesBelow(directory)).toEqual([]);
  });

  it("leaves the reserve of the disk to the hub", async () => {
    const directory = newDirectory();
    const reserve = Number.MAX_SAFE_INTEGER;
    const store = await openFileBlobStore({ directory, clock, durability: "os", reserve });
    const put = store.putBlob("d1/a", text("x"), plain, () => {});
    await expect(put).rejects.toMatchObject({ name: "InsufficientStorage", status: 507 });
    expect(filesBelow(directory)).toEqual([]);
  });

  it("finds the folders of blobs that a hub has stored that kept no list of them", async () => {
    const directory = newDirectory();
    const options = { directory, clock, durability: "os" as const, reserve: 0 };
    const first = await openFileBlobStore(options);
    for (const name of ["d1/b", "d1/a", "d2/c"])
      await first.putBlob(name, text(name), plain, () => {});
    rmSync(path.join(directory, "folders"), { recursive: true });
    const second = await openFileBlobStore(options);
    const { blobs } = await second.list("d1", null, 10);
    expect(blobs.map(({ name }) => name)).toEqual(["d1/a", "d1/b"]);
    expect(readdirSync(directory).sort()).toEqual(["content", "folders", "incoming", "waiting"]);
  });

  it("does not list a blob that was not finished when the process ended", async () => {
    const directory = newDirectory();
    const options = { directory, clock, durability: "os" as const, reserve: 0 };
    const first = await openFileBlobStore(options);
    await first.putBlob("d1/a", text("x"), plain, () => {});
    const manifest = filesBelow(directory).find((file) => file.endsWith("blob.json")) ?? "";
    rmSync(manifest);
    const second = await openFileBlobStore(options);
    expect(await second.list("d1", null, 10)).toEqual({ blobs: [], more: false });
  });

  it("writes the blob's name beside its content, for people", async () => {
    const directory = newDirectory();
    const store = await openFileBlobStore({ directory, clock, durability: "os", reserve: 0 });
    await store.putBlob("d1/a.txt", text("content"), plain, () => {});
    const manifest = filesBelow(directory).find((file) => file.endsWith("blob.json")) ?? "";
    expect(JSON.parse(readFileSync(manifest, "utf8"))).toMatchObject({ name: "d1/a.txt" });
  });
});
