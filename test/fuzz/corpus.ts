import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";

const root = path.join(import.meta.dirname, "corpus");

/** The inputs that are kept for a fuzzer, by the names of their files. */
export function readCorpus(name: string): ReadonlyMap<string, Buffer> {
  const folder = path.join(root, name);
  mkdirSync(folder, { recursive: true });
  const files = readdirSync(folder).toSorted();
  return new Map(files.map((file) => [file, readFileSync(path.join(folder, file))]));
}

/** Keeps an input that has done harm, for ever: each later run begins with it. */
export function keepInput(name: string, input: Buffer): string {
  const id = createHash("sha256").update(input).digest("hex").slice(0, 12);
  const file = path.join(root, name, `found-${id}.bin`);
  writeFileSync(file, input);
  return path.relative(process.cwd(), file);
}
