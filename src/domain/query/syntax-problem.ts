import { type ErrorName, HubError } from "../errors.ts";

/** Something is wrong with the text at `at`; becomes a HubError as soon as the text is at hand. */
export class SyntaxProblem extends Error {
  readonly at: number;

  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

/** The refusal with the place in the text: lines and columns count from 1, columns in UTF-16 units. */
export function refusalAt(name: ErrorName, text: string, at: number, message: string): HubError {
  const before = text.slice(0, at);
  const line = before.split("\n").length;
  const column = at - before.lastIndexOf("\n");
  return new HubError(
    name,
    `The query is invalid at line ${line}, column ${column}: ${message}`.replaceAll(";", ","),
  );
}

/** Longest piece of a caller's text in a message. */
const maxQuoted = 40;

/** A piece of a caller's text for a message: cut short, on one line, without semicolons. */
export function quote(text: string): string {
  const short = text.length > maxQuoted ? `${text.slice(0, maxQuoted)}…` : text;
  const visible = short.replaceAll(/[\p{Cc}\p{Cs}]/gu, characterCode);
  return `'${visible.replaceAll(";", ",")}'`;
}

function characterCode(character: string): string {
  return `U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}
