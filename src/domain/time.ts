/** Times are milliseconds since 1970 in UTC inside the hub; only views print text. */
export type Milliseconds = number;

/** The time that IoT Hub prints for "never" (spec/semantics §1). */
export const never: Milliseconds = -62_135_596_800_000;

const neverText = "0001-01-01T00:00:00Z";

let lastTime = Number.NaN;
let lastText = "";

/**
 * ISO 8601 in UTC with seven fractional digits, as the service prints it; "never" has none.
 * The last answer is kept, because one commit prints the same time often.
 */
export function timeText(time: Milliseconds): string {
  if (time === lastTime) return lastText;
  lastText = time === never ? neverText : `${new Date(time).toISOString().slice(0, -1)}0000Z`;
  lastTime = time;
  return lastText;
}
