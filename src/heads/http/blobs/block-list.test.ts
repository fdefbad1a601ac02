import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readBlockList } from "./block-list.ts";

describe("a block list", () => {
  it("gives back the ids in their order, with where to look", () => {
    const places = fc.constantFrom("Latest", "Committed", "Uncommitted");
    const id = fc.uint8Array({ minLength: 1, maxLength: 64 });
    fc.assert(
      fc.property(fc.array(fc.tuple(places, id), { maxLength: 20 }), (items) => {
        const list = items.map(([place, bytes]) => [place, Buffer.from(bytes).toString("base64")]);
        const text = list.map(([place, each]) => `<${place}>${each}</${place}>`).join("\n");
        expect(readBlockList(`<?xml version="1.0"?><BlockList>${text}</BlockList>`)).toEqual(
          list.map(([place = "", each]) => ({ from: place.toLowerCase(), id: each })),
        );
      }),
    );
  });

  it.each(["<BlockList/>", "<BlockList />", "<BlockList></BlockList>", "<BlockList> </BlockList>"])(
    "may be empty: %s",
    (text) => {
      expect(readBlockList(text)).toEqual([]);
    },
  );

  it.each([
    "",
    "<BlockList>",
    "<BlockList><Latest>AAA=</Committed></BlockList>",
    "<BlockList><Other>AAA=</Other></BlockList>",
    "<BlockList><Latest></Latest></BlockList>",
    "<BlockList><Latest>a b</Latest></BlockList>",
    "<BlockList><Latest>AAA=</Latest>x</BlockList>",
    '<!DOCTYPE x [<!ENTITY a "b">]><BlockList><Latest>&a;</Latest></BlockList>',
    "<Blocks></Blocks>",
  ])("is refused if it is none: %s", (text) => {
    expect(() => readBlockList(text)).toThrow(
      expect.objectContaining({ name: "InvalidXmlDocument" }),
    );
  });

  it("of 8 MB takes no longer than its length asks for", () => {
    const item = `<Latest>${"A".repeat(88)}</Latest>`;
    expect(readBlockList(`<BlockList>${item.repeat(50_000)}</BlockList>`)).toHaveLength(50_000);
    const hostile = [
      "<BlockList>" + " ".repeat(8_000_000),
      "\n".repeat(8_000_000),
      "<".repeat(8_000_000),
    ];
    for (const text of hostile) expect(() => readBlockList(text)).toThrow();
  });
});
