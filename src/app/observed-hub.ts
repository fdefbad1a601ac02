import { HubError } from "../domain/errors.ts";
import { type IdentityKey, kindOf } from "../domain/identity/key.ts";
import type { HubApi, Telemetry } from "./hub.ts";
import type { Counter, Histogram, Labels, Meter } from "./meter.ts";
import { countingsOf } from "./observed-calls.ts";
import { TelemetryCounts, observeSender, observeTelemetry } from "./observed-telemetry.ts";

/** Surrounds calls with something that follows them through the system. */
export interface Tracer {
  /** Runs `work` at once; what it returns or throws is the result, and a promise's end is the end of the call. */
  readonly trace: <T>(call: string, attributes: Labels, work: () => T) => T;
}

export interface Observer {
  /** The head through which the calls come. */
  readonly protocol: "mqtt" | "amqp" | "https";
  readonly meter: Meter;
  /** Missing: nobody follows calls, and they cost nothing more. */
  readonly tracer?: Tracer | undefined;
}

/** What a call is about. */
type Kind = "device" | "module" | "hub";

type Call = (...args: readonly unknown[]) => unknown;

/** The hub as it is, with each call counted and timed, and traced where there is a tracer. */
export function observeHub(api: HubApi, observer: Observer): HubApi {
  const parts = Object.entries(api).map(([name, part]: [string, unknown]) => [
    name,
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? observePart(name, part, observer)
      : part,
  ]);
  return { ...Object.fromEntries(parts), telemetry: observeSending(api.telemetry, observer) };
}

function observeSending(telemetry: Telemetry, observer: Observer): Telemetry {
  const { meter, protocol, tracer } = observer;
  const counts = new TelemetryCounts(meter, protocol);
  const { sender } = telemetry;
  const counted = observeTelemetry(telemetry, counts);
  if (tracer === undefined)
    return {
      send: counted,
      sender: sender && observeSender(sender, counts),
    };
  // A tracer follows each message by itself.
  return {
    send: (...args) => {
      const attributes = attributesOf("telemetry.send", args, protocol);
      return tracer.trace("telemetry.send", attributes, () => counted(...args));
    },
  };
}

function observePart(part: string, calls: object, observer: Observer): object {
  const members = Object.entries(calls).map(([name, member]: [string, unknown]) => [
    name,
    typeof member === "function"
      ? observeCall(`${part}.${name}`, member as Call, observer)
      : member,
  ]);
  return Object.fromEntries(members) as object;
}

function observeCall(name: string, call: Call, observer: Observer): Call {
  const { tracer } = observer;
  const measure = measureCall(name, call, observer);
  if (tracer === undefined) return measure;
  return (...args) => {
    const attributes = attributesOf(name, args, observer.protocol);
    return tracer.trace(name, attributes, () => measure(...args));
  };
}

function measureCall(name: string, call: Call, { protocol, meter }: Observer): Call {
  const durations: Record<Kind, { [result in "ok" | "refused" | "failed"]?: Histogram }> = {
    device: {},
    module: {},
    hub: {},
  };
  const refusals = new Map<string, Counter>();
  const countings = countingsOf(name, meter, protocol);

  function durationOf(kind: Kind, result: "ok" | "refused" | "failed"): Histogram {
    const found = durations[kind][result];
    if (found !== undefined) return found;
    const labels = { call: name, protocol, kind, result };
    return (durations[kind][result] = meter.histogram("twinhub_call_duration_seconds", labels));
  }

  function refusalsOf(error: string): Counter {
    let found = refusals.get(error);
    if (found === undefined)
      refusals.set(error, (found = meter.counter("twinhub_refusals_total", { protocol, error })));
    return found;
  }

  return (...args) => {
    const started = meter.seconds();
    const result = call(...args);
    // Listeners and other things that are there at once are not calls that take time.
    if (!(result instanceof Promise)) return result;
    result.then(
      (value: unknown) => {
        durationOf(kindOfCall(args), "ok").record(meter.seconds() - started);
        countings?.done?.(args, value);
      },
      (error: unknown) => {
        const refused = error instanceof HubError;
        const seconds = meter.seconds() - started;
        durationOf(kindOfCall(args), refused ? "refused" : "failed").record(seconds);
        if (refused) refusalsOf(error.name).add(1);
        countings?.refused?.(args, error);
      },
    );
    return result;
  };
}

/** The device or module that a call addresses, or else that calls. */
function keyOf(args: readonly unknown[]): IdentityKey | undefined {
  const [principal, addressed] = args;
  if (isKey(addressed)) return addressed;
  if (typeof principal !== "object" || principal === null) return undefined;
  return "key" in principal && isKey(principal.key) ? principal.key : undefined;
}

function isKey(value: unknown): value is IdentityKey {
  return typeof value === "object" && value !== null && "deviceId" in value;
}

function kindOfCall(args: readonly unknown[]): Kind {
  const key = keyOf(args);
  return key === undefined ? "hub" : kindOf(key);
}

/** Calls whose second argument is the id of a device. */
const deviceCalls: ReadonlySet<string> = new Set([
  "identities.putDevice",
  "identities.listModules",
  "cloudToDevice.send",
  "cloudToDevice.purge",
  "configurations.applyContent",
]);

function attributesOf(name: string, args: readonly unknown[], protocol: string): Labels {
  const key = deviceCalls.has(name) ? { deviceId: String(args[1]) } : keyOf(args);
  return {
    "twinhub.protocol": protocol,
    ...(key === undefined ? {} : { "twinhub.device.id": key.deviceId }),
    ...(key?.moduleId === undefined ? {} : { "twinhub.module.id": key.moduleId }),
  };
}
