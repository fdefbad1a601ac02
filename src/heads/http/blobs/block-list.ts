import { BlobError } from "../../../domain/files/blob-error.ts";
import type { BlockReference } from "../../../domain/files/blob.ts";

const places = { Latest: "latest", Committed: "committed", Uncommitted: "uncommitted" } as const;

/**
 * Reads `<BlockList><Latest>id</Latest>…</BlockList>`. No general XML: elements of these four names without
 * attributes of meaning, Base64 within, nothing else. Takes time in proportion to the text.
 */
export function readBlockList(text: string): readonly BlockReference[] {
  const body = text.replace(/^\uFEFF?\s*(?:<\?xml[^>]*\?>)?\s*/, "").trimEnd();
  if (/^<BlockList(?:\s[^<>]*)?\/>$/.test(body)) return [];
  const open = /^<BlockList(?:\s[^<>]*)?>/.exec(body);
  const close = "</BlockList>";
  if (open === null || !body.endsWith(close)) throw new BlobError("InvalidXmlDocument");
  return readItems(body.slice(open[0].length, -close.length));
}

function readItems(text: string): readonly BlockReference[] {
  const item = /\s*<(Latest|Committed|Uncommitted)>\s*([A-Za-z0-9+/=]+)\s*<\/\1>\s*/y;
  const list: BlockReference[] = [];
  let end = /^\s*/.exec(text)?.[0].length ?? 0;
  while (end < text.length) {
    item.lastIndex = end;
    const [whole, place, id] = item.exec(text) ?? [];
    if (whole === undefined || place === undefined || id === undefined)
      throw new BlobError("InvalidXmlDocument");
    list.push({ from: places[place as keyof typeof places], id });
    end += whole.length;
  }
  return list;
}
