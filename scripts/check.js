// Format, lint (type-aware, with the walls between the rooms) and types, in this order; stops at the first failure.
import { spawnSync } from "node:child_process";
import path from "node:path";

const root = path.join(import.meta.dirname, "..");
const steps = [
  ["oxfmt", ["--check", "."]],
  ["oxlint", ["--type-aware", "--deny-warnings", "--quiet"]],
  ["tsc", ["-p", "tsconfig.json"]],
];
for (const [tool, args] of steps) {
  const done = spawnSync(path.join(root, "node_modules", ".bin", tool), args, {
    cwd: root,
    stdio: "inherit",
  });
  if (done.status !== 0) {
    process.stderr.write(
      `check: ${tool} ${args.join(" ")} failed; 'npm run fix' mends format and simple lint\n`,
    );
    process.exit(done.status ?? 1);
  }
}
