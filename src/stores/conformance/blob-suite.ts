import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BlobContent, BlobStore } from "../../app/ports.ts";
import { BlobError } from "../../domain/files/blob-error.ts";
import type { BlobDescription, BlockReference } from "../../domain/files/blob.ts";
import type { BlobLimits } from "../../domain/files/limits.ts";

/** A blob store under test. */
export interface OpenedBlobStore {
  readonly store: BlobStore;
  /** Opens what is on the disk again; absent for stores that forget. */
  readonly reopen?: () => Promise<BlobStore>;
  readonly close: () => Promise<void>;
}

export const blobSuiteLimits: BlobLimits = {
  blockBytes: 1000,
  singleBlobBytes: 1000,
  blobBytes: 100,
  blocks: 5,
};

const plain: BlobDescription = { contentType: "text/plain", metadata: { color: "red" } };

async function* content(...pieces: readonly string[]): BlobContent {
  for (const piece of pieces) yield Buffer.from(piece);
}

async function* broken(): BlobContent {
  yield Buffer.from("begin");
  throw new Error("the sender left");
}

const anyway = (): void => {};
const blockId = (id: string): Uint8Array => Buffer.from(id);
const block = (id: string, from: BlockReference["from"] = "latest"): BlockReference => ({
  id: Buffer.from(id).toString("base64"),
  from,
});

async function textOf(stream: BlobContent): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** What every blob store promises (app/ports.ts). `open` gets limits, and a clock that it must use. */
export function describeBlobStore(
  name: string,
  open: (clock: { now(): number }) => Promise<OpenedBlobStore>,
): void {
  describe(`${name} blob store`, () => {
    let now = Date.now();
    let opened: OpenedBlobStore;
    let store: BlobStore;

    beforeEach(async () => {
      now = Date.now();
      opened = await open({ now: () => now });
      store = opened.store;
    });
    afterEach(() => opened.close());

    const put = (blob: string, ...pieces: readonly string[]) =>
      store.putBlob(blob, content(...pieces), () => plain, anyway);
    const read = async (blob: string, start?: number, end?: number) => {
      const range = start === undefined || end === undefined ? undefined : { start, end };
      const found = await store.read(blob, range);
      return found === null ? null : textOf(found.content);
    };
    const reopened = async (): Promise<void> => {
      if (opened.reopen !== undefined) store = await opened.reopen();
    };

    it("gives a blob back as it was sent, after a restart too", async () => {
      const made = await put("d1/a.txt", "one ", "two");
      await reopened();
      expect(await read("d1/a.txt")).toBe("one two");
      expect(await store.properties("d1/a.txt")).toEqual({ ...made, size: 7, description: plain });
    });

    it("keeps an empty blob", async () => {
      await put("d1/empty");
      expect(await read("d1/empty")).toBe("");
      expect((await store.properties("d1/empty"))?.size).toBe(0);
    });

    it("knows nothing of a blob that is not there", async () => {
      expect(await store.properties("d1/none")).toBeNull();
      expect(await read("d1/none")).toBeNull();
      expect(await store.delete("d1/none")).toBe(false);
    });

    it("makes a blob of blocks in the order of the list", async () => {
      await store.putBlock("d1/b", blockId("1"), content("first "));
      await store.putBlock("d1/b", blockId("2"), content("second "));
      expect(await store.properties("d1/b")).toBeNull();
      await reopened();
      const made = await store.commit("d1/b", [block("2"), block("1"), block("2")], plain, anyway);
      expect(made.size).toBe(20);
      await reopened();
      expect(await read("d1/b")).toBe("second first second ");
    });

    it("takes committed blocks over, and forgets those that are not in the list", async () => {
      await store.putBlock("d1/b", blockId("1"), content("old1 "));
      await store.putBlock("d1/b", blockId("2"), content("old2 "));
      await store.putBlock("d1/b", blockId("3"), content("unused"));
      await store.commit("d1/b", [block("1"), block("2")], plain, anyway);
      await store.putBlock("d1/b", blockId("2"), content("new2 "));
      await store.commit("d1/b", [block("1", "committed"), block("2")], plain, anyway);
      expect(await read("d1/b")).toBe("old1 new2 ");
      await expect(store.commit("d1/b", [block("3")], plain, anyway)).rejects.toThrow(BlobError);
      expect(await read("d1/b")).toBe("old1 new2 ");
    });

    it("lets a block be sent again in place of itself", async () => {
      await store.putBlock("d1/b", blockId("1"), content("wrong"));
      await store.putBlock("d1/b", blockId("1"), content("right"));
      await store.commit("d1/b", [block("1", "uncommitted")], plain, anyway);
      expect(await read("d1/b")).toBe("right");
    });

    it("looks for a block only where the list says", async () => {
      await store.putBlock("d1/b", blockId("1"), content("x"));
      const list = [block("1", "committed")];
      const commit = store.commit("d1/b", list, plain, anyway);
      await expect(commit).rejects.toMatchObject({ name: "InvalidBlockList" });
    });

    it("reads any range, across blocks", async () => {
      for (const [id, text] of [
        ["1", "0123"],
        ["2", "4567"],
        ["3", "89"],
      ] as const)
        await store.putBlock("d1/b", blockId(id), content(text));
      await store.commit("d1/b", [block("1"), block("2"), block("3")], plain, anyway);
      for (let start = 0; start < 10; start++)
        for (let end = start; end < 10; end++)
          expect(await read("d1/b", start, end)).toBe("0123456789".slice(start, end + 1));
    });

    it("keeps what was there when content breaks off or a condition fails", async () => {
      const before = await put("d1/a", "before");
      await expect(store.putBlob("d1/a", broken(), () => plain, anyway)).rejects.toThrow("left");
      const refuse = (): void => {
        throw new BlobError("ConditionNotMet");
      };
      const refused = store.putBlob("d1/a", content("after"), () => plain, refuse);
      await expect(refused).rejects.toMatchObject({ name: "ConditionNotMet" });
      await expect(store.putBlock("d1/a", blockId("1"), broken())).rejects.toThrow("left");
      await expect(store.commit("d1/a", [], plain, refuse)).rejects.toThrow(BlobError);
      expect(await read("d1/a")).toBe("before");
      expect(await store.properties("d1/a")).toEqual(before);
    });

    it("shows a condition what is stored", async () => {
      const seen: unknown[] = [];
      const look = (stored: unknown): void => void seen.push(stored);
      const first = await store.putBlob("d1/a", content("1"), () => plain, look);
      expect(seen).toEqual(seen.map(() => null));
      seen.length = 0;
      await store.putBlob("d1/a", content("2"), () => plain, look);
      expect(seen).toEqual(seen.map(() => first));
    });

    it("gives every content its own etag and keeps the time of creation", async () => {
      const first = await put("d1/a", "1");
      const second = await put("d1/a", "2");
      now += 1000;
      const third = await put("d1/a", "3");
      expect(new Set([first.etag, second.etag, third.etag]).size).toBe(3);
      expect(third.created).toBe(first.created);
      expect(third.lastModified).toBe(now);
    });

    it("deletes a blob with all that belongs to it", async () => {
      await put("d1/a", "gone");
      await store.putBlock("d1/a", blockId("1"), content("waiting"));
      expect(await store.delete("d1/a")).toBe(true);
      expect(await read("d1/a")).toBeNull();
      await expect(store.commit("d1/a", [block("1")], plain, anyway)).rejects.toThrow(BlobError);
    });

    it("bounds the blocks of a blob and their bytes", async () => {
      for (const id of ["1", "2", "3", "4", "5"])
        await store.putBlock("d1/b", blockId(id), content("x"));
      await expect(store.putBlock("d1/b", blockId("6"), content("x"))).rejects.toMatchObject({
        name: "BlockCountExceedsLimit",
      });
      await store.putBlock("d1/b", blockId("5"), content("y"));
      const large = store.putBlock("d1/b", blockId("5"), content("z".repeat(97)));
      await expect(large).rejects.toMatchObject({ name: "RequestBodyTooLarge" });
      await store.putBlock("d1/c", blockId("1"), content("z".repeat(60)));
      const twice = store.commit("d1/c", [block("1"), block("1")], plain, anyway);
      await expect(twice).rejects.toMatchObject({ name: "RequestBodyTooLarge" });
    });

    it("forgets blocks that have waited too long, and no others", async () => {
      await put("d1/a", "stays");
      await store.putBlock("d1/a", blockId("1"), content("old"));
      await store.discardBlocks(now - 3_600_000);
      await store.putBlock("d1/b", blockId("1"), content("kept"));
      await store.commit("d1/b", [block("1")], plain, anyway);
      now += 7_200_000;
      await store.discardBlocks(now - 3_600_000);
      await expect(store.commit("d1/a", [block("1")], plain, anyway)).rejects.toThrow(BlobError);
      expect(await read("d1/a")).toBe("stays");
      expect(await read("d1/b")).toBe("kept");
    });

    it.each(["../../etc/passwd", "..", "/", "a\\..\\b", "d1/NUL", `${"x".repeat(900)}/y`, "D1/A"])(
      "takes the name %s as nothing but a name",
      async (trick) => {
        await put("d1/a", "other");
        await put(trick, "content");
        expect(await read(trick)).toBe("content");
        expect(await read("d1/a")).toBe("other");
      },
    );

    it("lists the blobs of a folder in the order of their names, page by page, after a restart too", async () => {
      for (const name of ["d1/b", "d1/a/z", "d1/B", "d10/a", "d1", "~d1/a", "d1/ä", "d1/gone"])
        await put(name, name);
      await store.delete("d1/gone");
      await store.putBlock("d1/waiting", blockId("1"), content("x"));
      const later = await put("d1/b", "replaced");
      const names = async (after: string | null, limit = 10) => {
        const { blobs, more } = await store.list("d1", after, limit);
        return [...blobs.map((one) => one.name), more];
      };
      const check = async (): Promise<void> => {
        expect(await names(null)).toEqual(["d1/B", "d1/a/z", "d1/b", "d1/ä", false]);
        expect(await names(null, 2)).toEqual(["d1/B", "d1/a/z", true]);
        expect(await names("d1/a/z", 2)).toEqual(["d1/b", "d1/ä", false]);
        expect(await names("d1/ä")).toEqual([false]);
        const { blobs } = await store.list("d1", "d1/a/z", 1);
        expect(blobs).toEqual([{ name: "d1/b", properties: later }]);
        expect(await store.list("nobody", null, 10)).toEqual({ blobs: [], more: false });
      };
      await check();
      await reopened();
      await check();
    });

    it("keeps one of two contents that are sent at the same time, whole", async () => {
      const texts = ["a".repeat(50), "b".repeat(50)];
      await Promise.all(texts.map((text) => put("d1/a", text.slice(0, 25), text.slice(25))));
      expect(texts).toContain(await read("d1/a"));
    });
  });
}
