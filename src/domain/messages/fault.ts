import type { Milliseconds } from "../time.ts";

/** What a device may ask the hub to do to it (spec/mqtt §14, spec/amqp §15). */
export const faultTypes = [
  "KillTcp",
  "ShutDownMqtt",
  "ShutDownAmqp",
  "KillAmqpConnection",
  "KillAmqpSession",
  "KillAmqpCBSLinkReq",
  "KillAmqpCBSLinkResp",
  "KillAmqpD2CLink",
  "KillAmqpC2DLink",
  "KillAmqpTwinLinkReq",
  "KillAmqpTwinLinkResp",
  "KillAmqpMethodReqLink",
  "KillAmqpMethodRespLink",
  "InvokeThrottling",
  "InvokeMaxMessageQuota",
  "InvokeAuthError",
] as const;

export type FaultType = (typeof faultTypes)[number];

/** A fault that a telemetry message asks for. */
export interface Fault {
  readonly type: FaultType;
  /** Free text of the client's; "" if it gave none. */
  readonly reason: string;
  /** How long after the message the fault begins, 0 to `maxFaultTime`. */
  readonly delay: Milliseconds;
  /** How long it lasts, 0 to `maxFaultTime`. */
  readonly duration: Milliseconds;
}

/** Longer delays and durations count as this. */
export const maxFaultTime: Milliseconds = 3_600_000;

const prefix = "AzIoTHub_FaultOperation";

/**
 * Reads the fault out of a message's application properties; null for an ordinary message: also for a type that is
 * not known, exactly spelled (spec/mqtt §14). Times that are no whole seconds count as 0.
 */
export function readFault(
  application: Pick<ReadonlyMap<string, string | null>, "get">,
): Fault | null {
  const named = application.get(`${prefix}Type`);
  if (named === undefined || named === null) return null;
  const type = faultTypes.find((known) => known === named);
  if (type === undefined) return null;
  return {
    type,
    reason: application.get(`${prefix}CloseReason`) ?? "",
    delay: milliseconds(application.get(`${prefix}DelayInSecs`)),
    duration: milliseconds(application.get(`${prefix}DurationInSecs`)),
  };
}

function milliseconds(seconds: string | null | undefined): Milliseconds {
  if (typeof seconds !== "string" || !/^\d+$/.test(seconds)) return 0;
  return Math.min(Number(seconds) * 1000, maxFaultTime);
}
