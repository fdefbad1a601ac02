import { HubError } from "../../domain/errors.ts";
import { type IdentityKey, keyText } from "../../domain/identity/key.ts";
import type { JsonObject } from "../../domain/json.ts";
import {
  type MethodCall,
  type MethodResult,
  maxMethodPayload,
  maxMethodsInFlight,
  readMethodAnswer,
  readMethodCall,
} from "../../domain/methods/method-call.ts";
import type { LiveConnection } from "../connections/live-connections.ts";
import type { HubContext } from "../context.ts";
import { type Principal, demand } from "../principal.ts";
import { findIdentity } from "../twins/find-twin.ts";
import type { Milliseconds } from "../../domain/time.ts";

/** The hub gives up so much before its caller: Node's SDK waits for exactly both time-outs (spec/rest §8.8). */
const headStart: Milliseconds = 100;

/**
 * Calls a direct method of a device or module and waits for its answer (spec/semantics §8). A service may call
 * anybody; a module may call its own device and the modules beside it.
 */
export async function invokeMethod(
  context: HubContext,
  principal: Principal,
  key: IdentityKey,
  body: JsonObject,
  arrived: Milliseconds = context.clock.now(),
): Promise<MethodResult> {
  if (!isNeighbour(principal, key)) demand(principal, "ServiceConnect");
  const call = readMethodCall(body);
  await context.store.transaction(key, (tx) => findIdentity(tx, key));
  const target = await whenReady(context, key, call.connectTimeout);
  const deadline = arrived + call.connectTimeout + call.responseTimeout - headStart;
  return callTarget(context, target, call, deadline);
}

function isNeighbour(principal: Principal, key: IdentityKey): boolean {
  return (
    principal.kind === "identity" &&
    principal.key.moduleId !== undefined &&
    principal.key.deviceId === key.deviceId
  );
}

/** The target's connection as soon as it takes method calls. */
function whenReady(
  context: HubContext,
  key: IdentityKey,
  timeout: number,
): Promise<LiveConnection> {
  const there = context.live.get(key);
  if (there?.methodsReady === true) return Promise.resolve(there);
  return new Promise((resolve, reject) => {
    const offline = (): void =>
      reject(new HubError("DeviceNotOnline", "Timed out waiting for device to connect."));
    if (timeout === 0) return offline();
    const forget = context.live.onMethodsReady(key, (connection) => {
      cancel();
      resolve(connection);
    });
    if (forget === null) {
      return reject(
        new HubError(
          "DeviceMaximumInflightMethodExceeded",
          `Too many calls wait for '${keyText(key)}' to connect`,
        ),
      );
    }
    const cancel = context.clock.after(timeout, () => {
      forget();
      offline();
    });
  });
}

function callTarget(
  context: HubContext,
  target: LiveConnection,
  call: MethodCall,
  deadline: Milliseconds,
): Promise<MethodResult> {
  const { key } = target.principal;
  if (target.methods.size >= maxMethodsInFlight) {
    throw new HubError(
      "DeviceMaximumInflightMethodExceeded",
      `'${keyText(key)}' already has ${maxMethodsInFlight} direct methods in flight, the limit`,
    );
  }
  // It may have ended since it was found, and would not say so again.
  if (context.live.get(key) !== target)
    throw new HubError("DeviceConnectionClosedRemotely", "Device unavailable");
  const timeout = Math.max(0, Math.min(call.responseTimeout, deadline - context.clock.now()));
  return new Promise((resolve, reject) => {
    // A link that answers at once does so before it has given this back.
    let forget: (() => void) | undefined = undefined;
    const end = (): void => {
      cancel();
      forget?.();
      target.methods.delete(lost);
    };
    const lost = (): void => {
      end();
      reject(new HubError("DeviceConnectionClosedRemotely", "Device unavailable"));
    };
    const cancel = context.clock.after(timeout, () => {
      end();
      reject(new HubError("GatewayTimeout", "Timed out waiting for the response from device."));
    });
    target.methods.add(lost);
    const answer = (status: number, text: string): void => {
      end();
      if (Buffer.byteLength(text) > maxMethodPayload) reject(answerTooLarge());
      else resolve(readMethodAnswer(status, text));
    };
    try {
      forget = target.link.invoke({ name: call.name, payload: call.payload, answer });
    } catch (error) {
      end();
      throw error;
    }
  });
}

function answerTooLarge(): HubError {
  return new HubError(
    "MessageTooLarge",
    `The answer has more than ${maxMethodPayload} bytes, the limit`,
  );
}
