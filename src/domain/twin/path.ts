/** The way to a value: keys of objects and indices of arrays. */
export type Path = (string | number)[];

const maxKeyCharacters = 64;
const maxPathCharacters = 512;

/**
 * A path for an error message, for example `climate.sensors[2].id`. Long keys and paths are cut; control
 * characters and `;`, which separates the parts of IoT Hub's messages, are shown as `?`.
 */
export function pathText(path: Readonly<Path>): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else text += text === "" ? keyText(step) : `.${keyText(step)}`;
    if (text.length > maxPathCharacters) return `${text.slice(0, maxPathCharacters)}..`;
  }
  return text;
}

function keyText(key: string): string {
  if (key === "") return '""';
  const shown = key.length > maxKeyCharacters ? `${key.slice(0, maxKeyCharacters)}..` : key;
  return shown.replace(/[\p{Cc};]/gu, "?");
}

/** The path of the value that begins at `offset` of a valid JSON text. */
export function pathAt(text: string, offset: number): Path {
  const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]/g;
  const path: Path = [];
  let lastString = '""';
  for (let token = tokens.exec(text); token !== null; token = tokens.exec(text)) {
    if (token.index >= offset) break;
    const [symbol] = token;
    if (symbol === "{") path.push("");
    else if (symbol === "[") path.push(0);
    else if (symbol === "}" || symbol === "]") path.pop();
    else if (symbol === ",") countElement(path);
    else if (symbol === ":") path[path.length - 1] = String(JSON.parse(lastString));
    else lastString = symbol;
  }
  return path;
}

function countElement(path: Path): void {
  const last = path.at(-1);
  if (typeof last === "number") path[path.length - 1] = last + 1;
}
