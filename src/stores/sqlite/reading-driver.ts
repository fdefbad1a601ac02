import type { Log } from "../../app/ports.ts";
import { HubError } from "../../domain/errors.ts";
import { type Driver, sqliteFailure } from "./driver.ts";
import { explainRead } from "./explain.ts";

/** A damaged page is met by every caller that needs it: the log hears of it once in so many milliseconds. */
const logEvery = 10_000;

/**
 * The driver as what reads records sees it: what the disk or the database fails to give becomes ServiceUnavailable, with a
 * sentence for the operator. Anything else is a defect of ours and stays as it is.
 */
export function readingDriver(driver: Driver, directory: string, log: Log): Driver {
  const told = readFailures(directory, log);
  const guarded = <T>(read: () => T): T => {
    try {
      return read();
    } catch (error) {
      throw told(error);
    }
  };
  return {
    ...driver,
    prepare(sql) {
      const statement = driver.prepare(sql);
      return {
        run: (parameters) => statement.run(parameters),
        get: (parameters) => guarded(() => statement.get(parameters)),
        all: (parameters) => guarded(() => statement.all(parameters)),
      };
    },
  };
}

/** Turns what a read has thrown into what its caller is to be told. */
export function readFailures(directory: string, log: Log): (error: unknown) => unknown {
  let logged = -Infinity;
  return (error) => {
    if (error instanceof HubError || sqliteFailure(error) === "other") return error;
    const message = explainRead(directory, error);
    if (performance.now() - logged >= logEvery) {
      logged = performance.now();
      log.error({ err: error }, message);
    }
    return new HubError("ServiceUnavailable", message);
  };
}
