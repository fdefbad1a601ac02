/**
 * A hub for tests: `const hub = await startHub()`, use it, `await hub.stop()`.
 * State in memory, ephemeral ports, no files, a clock that the test can move.
 */
export { MovableClock } from "./movable-clock.ts";
export {
  type TestAnswer,
  type TestHub,
  type TestHubOptions,
  type TestIdentity,
  startHub,
} from "./start-hub.ts";
