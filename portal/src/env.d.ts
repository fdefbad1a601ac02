// What this code needs to know of its surroundings beside the DOM.

declare module "*.css";

/** The twin's rules, which the hub shares with this code, count bytes with it; main.tsx supplies it. */
declare var Buffer: { byteLength(text: string): number };

/** A file's text. */
declare module "*?raw" {
  const text: string;
  export default text;
}
