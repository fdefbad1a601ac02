import { defineConfig } from "vitest/config";
import { patience } from "./test/support/patience.ts";

const setupFiles = ["./test/support/setup.ts"];
const expect = { poll: { timeout: patience } };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          setupFiles,
          expect,
          include: ["src/**/*.test.ts", "portal/src/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "hub",
          setupFiles,
          expect,
          include: ["test/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "interop",
          setupFiles,
          expect,
          include: ["interop/node/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
    pool: "forks",
    // More than cores: browsers and child processes let them wait.
    maxWorkers: 3,
  },
});
