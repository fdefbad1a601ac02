import { describe, expect, it } from "vitest";
import type { BlobContent } from "../../app/ports.ts";
import { blobSuiteLimits, describeBlobStore } from "../conformance/blob-suite.ts";
import { createMemoryBlobStore } from "./memory.ts";

describeBlobStore("memory", async (clock) => ({
  store: createMemoryBlobStore({ clock, limits: blobSuiteLimits }),
  close: async () => {},
}));

async function* bytes(size: number): BlobContent {
  yield Buffer.alloc(size);
}

describe("a memory blob store", () => {
  const plain = () => ({ contentType: "a/b", metadata: {} });

  it("refuses what exceeds its room, and has the room again when something goes", async () => {
    const clock = { now: () => 1_750_000_000_000 };
    const store = createMemoryBlobStore({ clock, capacity: 10_000 });
    const put = (name: string, size: number) => store.putBlob(name, bytes(size), plain, () => {});
    await put("d1/a", 6000);
    await expect(put("d1/b", 4000)).rejects.toMatchObject({ name: "InsufficientStorage" });
    expect(await store.properties("d1/b")).toBeNull();
    await put("d1/b", 2000);
    await store.delete("d1/a");
    for (let round = 0; round < 10; round++) await put("d1/c", 3000);
    await store.putBlock("d1/d", Buffer.from("1"), bytes(100));
    await store.discardBlocks(Infinity);
    await put("d1/d", 3000);
  });
});
