import type { PathExpression } from "./ast.ts";

export function samePath(a: PathExpression, b: PathExpression): boolean {
  return (
    a.of === b.of &&
    a.segments.length === b.segments.length &&
    a.segments.every((segment, index) => segment === b.segments[index])
  );
}
