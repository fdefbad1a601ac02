import { defineConfig } from "vitest/config";
import { patience } from "./test/support/patience.ts";

const setupFiles = ["./test/support/setup.ts"];
/** For what hangs: the longest property takes half a minute on a machine that six others share. Milliseconds. */
const testTimeout = 300_000;
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
          testTimeout,
          hookTimeout: testTimeout,
        },
      },
      {
        test: {
          name: "hub",
          setupFiles,
          expect,
          include: ["test/**/*.test.ts"],
          testTimeout,
          hookTimeout: testTimeout,
        },
      },
      {
        test: {
          name: "interop",
          setupFiles,
          expect,
          include: ["interop/node/**/*.test.ts"],
          testTimeout,
          hookTimeout: testTimeout,
        },
      },
    ],
    pool: "forks",
    // More than cores: browsers and child processes let them wait.
    maxWorkers: 3,
  },
});
