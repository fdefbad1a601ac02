import { type Milliseconds, timeText } from "../time.ts";
import { own } from "./members.ts";
import { metadataView } from "./metadata.ts";
import type { Metadata } from "./twin.ts";

/** Both sections' metadata as views print it, as JSON texts. */
export interface MetadataTexts {
  readonly desired: string;
  readonly reported: string;
}

const desiredStart = '{"desired":';
const reportedStart = ',"reported":';

/** `metadataView` as JSON text, a node's own times always first. */
export function metadataText({ t, v, k = {} }: Metadata): string {
  let text = timesStart(t);
  if (v !== undefined) text += `,"$lastUpdatedVersion":${v}`;
  for (const name of Object.keys(k)) {
    const entry = own(k, name);
    if (entry !== undefined) text += `,${JSON.stringify(name)}:${metadataText(entry)}`;
  }
  return `${text}}`;
}

/**
 * `metadataView` of the JSON text `{"desired":<Metadata>,"reported":<Metadata>}`, as texts: without making the objects,
 * which took most of the time of an answer with many twins. Members may stand in another order than in the view.
 */
export function metadataTexts(text: string): MetadataTexts {
  const desired = text.startsWith(desiredStart) ? nodeText(text, desiredStart.length) : undefined;
  if (desired !== undefined && text.startsWith(reportedStart, desired.end)) {
    const reported = nodeText(text, desired.end + reportedStart.length);
    if (reported !== undefined && text.slice(reported.end) === "}") {
      return { desired: desired.view, reported: reported.view };
    }
  }
  return parsed(text);
}

/** For texts whose members stand in an order that `nodeText` does not know. */
function parsed(text: string): MetadataTexts {
  const { desired, reported } = JSON.parse(text) as { desired: Metadata; reported: Metadata };
  return {
    desired: JSON.stringify(metadataView(desired)),
    reported: JSON.stringify(metadataView(reported)),
  };
}

const quote = 0x22;
const comma = 0x2c;
const minus = 0x2d;
const zero = 0x30;
const nine = 0x39;
const colon = 0x3a;
const backslash = 0x5c;
const close = 0x7d;

const nodeStart = '{"t":';
const versionStart = ',"v":';
const membersStart = ',"k":{';

/**
 * The view of one node, for example `{"t":1,"v":2,"k":{"name":{"t":1}}}`, that begins at `begin`, and where it ends;
 * undefined for what is not as `JSON.stringify` writes a `Metadata`. Goes over the text once and copies names with what
 * is around them: hot, hence one loop without objects.
 */
function nodeText(
  text: string,
  begin: number,
): { readonly view: string; readonly end: number } | undefined {
  let view = "";
  let depth = 0;
  let copied = begin;
  let at = begin;
  for (;;) {
    if (!text.startsWith(nodeStart, at)) return undefined;
    view += text.slice(copied, at);
    const time = at + nodeStart.length;
    at = endOfNumber(text, time);
    view += timesStart(Number(text.slice(time, at)));
    copied = at;
    if (text.charCodeAt(at) === comma && text.startsWith(versionStart, at)) {
      view += ',"$lastUpdatedVersion":';
      copied = at + versionStart.length;
      at = endOfNumber(text, copied);
    }
    if (text.charCodeAt(at) === comma) {
      if (!text.startsWith(membersStart, at)) return undefined;
      // The comma stays, the object around the members goes.
      view += text.slice(copied, at + 1);
      at += membersStart.length;
      copied = at;
      depth++;
    } else {
      if (text.charCodeAt(at) !== close) return undefined;
      at++;
      while (depth > 0 && text.charCodeAt(at) === close) {
        view += text.slice(copied, at);
        copied = at + 1;
        if (text.charCodeAt(copied) !== close) return undefined;
        at += 2;
        depth--;
      }
      if (depth === 0) return { view: view + text.slice(copied, at), end: at };
      if (text.charCodeAt(at) !== comma) return undefined;
      at++;
    }
    at = endOfName(text, at);
  }
}

let lastTime = Number.NaN;
let lastStart = "";

/** Most nodes of a twin were written at the same time. */
function timesStart(time: Milliseconds): string {
  if (time !== lastTime) {
    lastStart = `{"$lastUpdated":"${timeText(time)}"`;
    lastTime = time;
  }
  return lastStart;
}

function endOfNumber(text: string, begin: number): number {
  let at = text.charCodeAt(begin) === minus ? begin + 1 : begin;
  for (let code = text.charCodeAt(at); code >= zero && code <= nine; code = text.charCodeAt(at)) {
    at++;
  }
  return at;
}

/** Behind a name and its colon; at the end of the text if there is none. */
function endOfName(text: string, begin: number): number {
  if (text.charCodeAt(begin) !== quote) return text.length;
  let at = begin + 1;
  for (let code = text.charCodeAt(at); code !== quote; code = text.charCodeAt(at)) {
    if (Number.isNaN(code)) return text.length;
    at += code === backslash ? 2 : 1;
  }
  return text.charCodeAt(at + 1) === colon ? at + 2 : text.length;
}
