/**
 * Tells whether a whole text is like `pattern`: `%` stands for any text, `_` for one UTF-16 unit, every other unit for
 * itself. Takes time in proportion to the product of both lengths at worst, never more.
 */
export function likeMatcher(pattern: string): (text: string) => boolean {
  return (text) => isLike(text, pattern);
}

function isLike(text: string, pattern: string): boolean {
  let at = 0;
  let next = 0;
  // Where the last `%` stands, and where the text goes on after what it stands for.
  let wildcard = -1;
  let resume = 0;
  while (at < text.length) {
    const expected = pattern[next];
    if (expected === "%") {
      wildcard = next;
      resume = at;
      next += 1;
    } else if (expected !== undefined && (expected === "_" || expected === text[at])) {
      at += 1;
      next += 1;
    } else if (wildcard >= 0) {
      // The last `%` takes one unit more; earlier ones need not, since what followed them has been found.
      resume += 1;
      at = resume;
      next = wildcard + 1;
    } else {
      return false;
    }
  }
  while (pattern[next] === "%") next += 1;
  return next === pattern.length;
}
