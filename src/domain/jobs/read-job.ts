import { HubError, argumentInvalid } from "../errors.ts";
import { isId } from "../identity/key.ts";
import { type Json, type JsonObject, isObject } from "../json.ts";
import { readMethodCall } from "../methods/method-call.ts";
import { parseCondition, parseTarget } from "../query/parse.ts";
import type { Dialect, Target } from "../query/ast.ts";
import type { Milliseconds } from "../time.ts";
import { applyServicePatch } from "../twin/apply-desired.ts";
import { readServicePatch } from "../twin/patch.ts";
import { newTwin } from "../twin/twin.ts";
import { type Job, type JobType, type JobWork, jobTypes } from "./job.ts";

/** How long a job may run when it does not say: an hour. */
const defaultExecutionSeconds = 3600;
/** The longest that it may say: 30 days, as long as it is remembered. */
export const maxExecutionSeconds = 2_592_000;

/**
 * Reads the body of a job's PUT (spec/rest §8.12). Refuses with ArgumentNull and ArgumentInvalid what is missing or
 * not valid: condition, patch or method, times.
 */
export function readJob(
  jobId: string,
  body: JsonObject,
  now: Milliseconds,
  dialect: Dialect,
): { readonly job: Job; readonly work: JobWork } {
  if (!isId(jobId)) throw argumentInvalid("jobId must be 1 to 128 characters of an id");
  const given = body["jobId"] ?? jobId;
  // Node lets it be a number.
  if ((typeof given === "number" ? String(given) : given) !== jobId)
    throw argumentInvalid("jobId in the body is not the one in the address");
  const type = readType(body["type"] ?? body["jobType"] ?? null);
  const work = readWork(type, body);
  const queryCondition = body["queryCondition"] ?? null;
  if (typeof queryCondition !== "string")
    throw new HubError("ArgumentNull", "A job needs a queryCondition");
  readJobTarget(queryCondition, dialect);
  const startTime = readTime(body["startTime"] ?? null) ?? now;
  const seconds = body["maxExecutionTimeInSeconds"] ?? defaultExecutionSeconds;
  if (typeof seconds !== "number" || !Number.isInteger(seconds) || seconds < 1) {
    throw argumentInvalid("maxExecutionTimeInSeconds must be a whole number of seconds");
  }
  if (seconds > maxExecutionSeconds)
    throw argumentInvalid(`maxExecutionTimeInSeconds is at most ${maxExecutionSeconds}`);
  const job: Job = {
    id: jobId,
    type,
    queryCondition,
    createdTime: now,
    startTime,
    maxExecutionTime: seconds * 1000,
    status: startTime > now ? "scheduled" : "queued",
    startedTime: null,
    endTime: null,
    targets: { complete: false, after: null, chunks: 0 },
    nextChunk: 0,
    counts: { total: 0, running: 0, succeeded: 0, failed: 0 },
    failureReason: null,
  };
  return { job, work };
}

/**
 * Whom a job addresses: the WHERE part of a query over devices, `*` for all of them or, more than Azure offers,
 * `from devices.modules where …` (spec/semantics §12).
 */
export function readJobTarget(condition: string, dialect: Dialect): Target & { kind: "twins" } {
  if (!/^\s*from\b/i.test(condition)) {
    const where = parseCondition(condition, { dialect });
    return { kind: "twins", source: "devices", where, usesDevice: false };
  }
  try {
    const target = parseTarget(condition, { dialect });
    if (target.kind === "twins") return target;
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    throw argumentInvalid(error.message);
  }
  throw argumentInvalid("The queryCondition addresses nobody");
}

function readType(type: Json): JobType {
  // The name of older versions.
  const name = type === "scheduleTwinUpdate" ? "scheduleUpdateTwin" : type;
  const found = jobTypes.find((known) => known === name);
  if (found === undefined) throw argumentInvalid(`type must be ${jobTypes.join(" or ")}`);
  return found;
}

function readWork(type: JobType, body: JsonObject): JobWork {
  switch (type) {
    case "scheduleUpdateTwin":
      return { type, updateTwin: readUpdate(body["updateTwin"] ?? null) };
    case "scheduleDeviceMethod": {
      const method = body["cloudToDeviceMethod"] ?? null;
      if (!isObject(method))
        throw new HubError("ArgumentNull", "The job needs a cloudToDeviceMethod");
      readMethodCall(method);
      return { type, cloudToDeviceMethod: method };
    }
  }
}

/** The twin's PATCH that every target gets: all of it is checked before any target is touched. */
function readUpdate(update: Json): JsonObject {
  if (!isObject(update)) throw new HubError("ArgumentNull", "The job needs an updateTwin");
  if (update["etag"] !== "*") {
    throw argumentInvalid(
      "Missing or invalid etag for job type ScheduleUpdateTwin. ScheduleUpdateTwin job type is a force update, which only accepts '*' as the Etag.",
    );
  }
  if (Object.hasOwn(update, "desired"))
    throw argumentInvalid("updateTwin holds 'desired' outside of 'properties'");
  // Clients fill in the address of some twin or of none: a job has its own.
  const { deviceId: _device, moduleId: _module, ...patch } = update;
  const read = readServicePatch(patch, { deviceId: "" });
  if (read.tags === undefined && read.desired === undefined)
    throw argumentInvalid("updateTwin changes neither tags nor properties.desired");
  applyServicePatch(newTwin(0), read, 0);
  return patch;
}

function readTime(value: Json): Milliseconds | null {
  if (value === null || value === "") return null;
  const text = typeof value === "string" ? value : "";
  const isDateTime = /^\d{4}-\d\d-\d\dT/.test(text);
  const time = Date.parse(/(?:Z|[+-]\d\d:\d\d)$/i.test(text) ? text : `${text}Z`);
  if (!isDateTime || Number.isNaN(time))
    throw argumentInvalid("startTime must be an ISO 8601 time");
  return time;
}
