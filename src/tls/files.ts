import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { TlsError } from "./tls-error.ts";

/** Text of a file, or nothing if there is none. Throws `TlsError` if it is there and cannot be read. */
export function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw new TlsError(`${file} cannot be read (${codeOf(error)})`);
  }
}

/** Text of a file that must be there. */
export function readRequired(file: string): string {
  const text = readIfThere(file);
  if (text === undefined) throw new TlsError(`${file} does not exist`);
  return text;
}

/** All or nothing, so that a process killed on the way leaves no half file. */
export function writeAtomically(file: string, text: string, mode: number): void {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, text, { mode, flush: true });
    renameSync(temporary, file);
  } catch (error) {
    throw new TlsError(`${file} cannot be written (${codeOf(error)})`);
  }
}

/** Makes a directory that only its owner may enter. */
export function makePrivateDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new TlsError(`The directory ${directory} cannot be made (${codeOf(error)})`);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}
