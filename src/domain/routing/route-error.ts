import type { Span } from "./ast.ts";

/** A place in a text; both count from 1, columns in UTF-16 units. */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

/** Why a condition does not compile, in the shape of Azure's answer to a route's test. */
export interface RouteError {
  readonly message: string;
  readonly severity: "error";
  /** From the first character up to the one after the last. */
  readonly location: { readonly start: TextPosition; readonly end: TextPosition };
}

export function routeError(text: string, { start, end }: Span, message: string): RouteError {
  return {
    message: message.replaceAll(";", ","),
    severity: "error",
    location: { start: positionOf(text, start), end: positionOf(text, end) },
  };
}

/** `line 1, column 7: …`. */
export function errorText({ message, location: { start } }: RouteError): string {
  return `line ${start.line}, column ${start.column}: ${message}`;
}

function positionOf(text: string, at: number): TextPosition {
  const before = text.slice(0, at);
  return { line: before.split("\n").length, column: at - before.lastIndexOf("\n") };
}

/** Longest piece of a caller's text in a message. */
const maxQuoted = 40;

/** A piece of a caller's text for a message: cut short and on one line. */
export function quoted(text: string): string {
  const short = text.length > maxQuoted ? `${text.slice(0, maxQuoted)}…` : text;
  return `'${short.replaceAll(/\p{Cc}/gu, " ")}'`;
}
