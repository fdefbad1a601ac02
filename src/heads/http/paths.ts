/** What a request line addresses. */
export type PathMatch =
  /** `path` is in the form in which the route was declared, with encoded ids. */
  | { readonly kind: "route"; readonly path: string }
  | { readonly kind: "otherMethod"; readonly allow: readonly string[] }
  | { readonly kind: "unknown" }
  /** Would be a route if an id could hold a slash. */
  | { readonly kind: "slashInId" }
  | { readonly kind: "malformed" };

interface Shape {
  readonly method: string;
  /** `null` stands for an id, which keeps its case. */
  readonly segments: readonly (string | null)[];
  readonly folded: readonly (string | null)[];
  readonly fixed: number;
  /** Ends in `*`: takes whatever follows. */
  readonly open: boolean;
}

/**
 * Finds the route that a path means, by the rules that unmodified clients need (spec/rest §3.1): decoded as a whole
 * once, so that `/twins%2Fd1` works; empty segments dropped; fixed segments compared without case; ids with it.
 * It learns its routes from the server's own declarations.
 */
export class PathTable {
  readonly #shapes: Shape[] = [];

  /** `pattern` as fastify writes it: `/devices/:deviceId`, `/portal/*`. */
  add(method: string, pattern: string): void {
    const parts = pattern.split("/").filter((part) => part !== "");
    const open = parts.at(-1) === "*";
    const segments = (open ? parts.slice(0, -1) : parts).map((part) =>
      part.startsWith(":") ? null : part,
    );
    this.#shapes.push({
      method,
      segments,
      folded: segments.map((segment) => segment?.toLowerCase() ?? null),
      fixed: segments.filter((segment) => segment !== null).length,
      open,
    });
  }

  /** `path` as received, without its query. */
  match(method: string, path: string): PathMatch {
    const whole = decode(path)?.split("/").filter(Boolean);
    if (whole === undefined) return { kind: "malformed" };
    const found = this.#find(method, whole);
    if (found.kind !== "unknown" || !/%2f/i.test(path)) return found;
    const parts = path
      .split("/")
      .filter(Boolean)
      .map((part) => decode(part) ?? part);
    return this.#find(method, parts).kind === "unknown" ? found : { kind: "slashInId" };
  }

  #find(method: string, segments: readonly string[]): PathMatch {
    let best: Shape | undefined;
    const others = new Set<string>();
    for (const shape of this.#shapes) {
      if (!fits(shape, segments)) continue;
      if (shape.method !== method) others.add(shape.method);
      else if (best === undefined || shape.fixed > best.fixed) best = shape;
    }
    if (best !== undefined) return { kind: "route", path: spell(best, segments) };
    return others.size > 0 ? { kind: "otherMethod", allow: [...others] } : { kind: "unknown" };
  }
}

function fits(shape: Shape, segments: readonly string[]): boolean {
  const { folded } = shape;
  if (shape.open ? segments.length < folded.length : segments.length !== folded.length)
    return false;
  return folded.every((fixed, i) => fixed === null || fixed === segments[i]?.toLowerCase());
}

function spell(shape: Shape, segments: readonly string[]): string {
  return `/${segments.map((segment, i) => shape.segments[i] ?? encodeURIComponent(segment)).join("/")}`;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Path and query of a request target, which may be a whole URL; the query has no `?`. */
export function splitTarget(target: string): { path: string; query: string } {
  const local = target.replace(/^https?:\/\/[^/?]*/i, "");
  const mark = local.indexOf("?");
  return mark < 0
    ? { path: local, query: "" }
    : { path: local.slice(0, mark), query: local.slice(mark + 1) };
}

/** Query parameters with lower-case names; the first of equal names counts (spec/rest §3.3). */
export function parseQuery(text: string): Record<string, string> {
  const query = Object.create(null) as Record<string, string>;
  for (const [key, value] of new URLSearchParams(text)) query[key.toLowerCase()] ??= value;
  return query;
}
