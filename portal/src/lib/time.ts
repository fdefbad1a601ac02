/** IoT Hub's way to say "never". */
const never = "0001-01-01T00:00:00";

export function isNever(time: string | null | undefined): boolean {
  return time === null || time === undefined || time === "" || time.startsWith(never);
}

/** Made when they are needed for the first time: they read the time zone's data. */
let dateAndTime: Intl.DateTimeFormat | undefined;
let timeOnly: Intl.DateTimeFormat | undefined;
let relative: Intl.RelativeTimeFormat | undefined;

const dateAndTimeOptions: Intl.DateTimeFormatOptions = {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
};

const timeOnlyOptions: Intl.DateTimeFormatOptions = {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
};

/** In the browser's own time zone: `23 Nov 2025, 05:08:01`. */
export function fullTime(time: string): string {
  if (isNever(time)) return "never";
  dateAndTime ??= new Intl.DateTimeFormat("en-GB", dateAndTimeOptions);
  return dateAndTime.format(new Date(time));
}

/** `05:08:01.250`. */
export function clockTime(time: string): string {
  timeOnly ??= new Intl.DateTimeFormat("en-GB", timeOnlyOptions);
  return timeOnly.format(new Date(time));
}

const units: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** `3 minutes ago`. `now` in milliseconds. */
export function timeAgo(time: string, now: number): string {
  if (isNever(time)) return "never";
  const seconds = Math.round((Date.parse(time) - now) / 1000);
  if (Math.abs(seconds) < 5) return "just now";
  relative ??= new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  for (const [unit, length] of units)
    if (Math.abs(seconds) >= length) return relative.format(Math.trunc(seconds / length), unit);
  return relative.format(seconds, "second");
}
