import { HubError } from "../domain/errors.ts";
import { type IdentityKey, kindOf } from "../domain/identity/key.ts";
import type { HubApi } from "./hub.ts";
import type { Meter } from "./meter.ts";

/** What some calls mean beside the time they take. */
export interface Countings {
  readonly done?: (args: readonly unknown[], value: unknown) => void;
  readonly refused?: (args: readonly unknown[], error: unknown) => void;
}

type Arguments<P extends keyof HubApi, C extends keyof HubApi[P]> = HubApi[P][C] extends (
  ...args: infer A
) => unknown
  ? A
  : never;

type Value<P extends keyof HubApi, C extends keyof HubApi[P]> = HubApi[P][C] extends (
  ...args: never[]
) => Promise<infer V>
  ? V
  : never;

/** The countings of one call, with the types that `HubApi` gives it. */
function of<P extends keyof HubApi, C extends keyof HubApi[P]>(
  _part: P,
  _call: C,
  countings: {
    readonly done?: (args: Arguments<P, C>, value: Value<P, C>) => void;
    readonly refused?: (args: Arguments<P, C>, error: unknown) => void;
  },
): Countings {
  return countings as unknown as Countings;
}

/** What to count of the call `name`, for example `methods.invoke`; undefined for most. */
export function countingsOf(name: string, meter: Meter, protocol: string): Countings | undefined {
  switch (name) {
    case "cloudToDevice.send":
      return of("cloudToDevice", "send", { done: () => step(meter, "queued", 1) });
    case "cloudToDevice.receive":
      return delivered(meter, protocol);
    case "cloudToDevice.settle":
      return of("cloudToDevice", "settle", { done: ([, , how]) => step(meter, how, 1) });
    case "cloudToDevice.purge":
      return of("cloudToDevice", "purge", { done: (_, count) => step(meter, "purged", count) });
    case "events.read":
      return of("events", "read", {
        done: (_, { length }) =>
          meter.counter("twinhub_messages_read_total", { protocol }).add(length),
      });
    case "methods.invoke":
      return methods(meter);
    case "auth.request":
    case "auth.identity":
    case "auth.call":
      return {
        refused: () => meter.counter("twinhub_auth_failures_total", { protocol }).add(1),
      };
    default:
      return undefined;
  }
}

function step(meter: Meter, event: string, count: number): void {
  meter.counter("twinhub_cloud_to_device_messages_total", { event }).add(count);
}

function delivered(meter: Meter, protocol: string): Countings {
  return of("cloudToDevice", "receive", {
    done: (_, messages) => {
      step(meter, "delivered", messages.length);
      const bytes = messages.reduce((sum, { body }) => sum + body.byteLength, 0);
      meter.counter("twinhub_cloud_to_device_delivered_bytes_total", { protocol }).add(bytes);
    },
  });
}

/** An answer counts by the class of its status: what a device answers is its own choice, and no label. */
function methods(meter: Meter): Countings {
  const count = (key: IdentityKey, status: string): void =>
    meter.counter("twinhub_method_calls_total", { kind: kindOf(key), status }).add(1);
  return of("methods", "invoke", {
    done: ([, key], { status }) => count(key, statusClass(status)),
    refused: ([, key], error) => count(key, error instanceof HubError ? error.name : "failed"),
  });
}

function statusClass(status: number): string {
  return status >= 100 && status < 600 ? `${Math.trunc(status / 100)}xx` : "other";
}
