const units = ["bytes", "KiB", "MiB", "GiB", "TiB"] as const;

/** `512 bytes`, `1.5 KiB`: as a person reads it. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const text = unit === 0 ? value.toLocaleString("en") : value.toFixed(1).replace(/\.0$/, "");
  return `${text} ${bytes === 1 ? "byte" : (units[unit] ?? "")}`;
}
