import type { JsonObject } from "../../domain/json.ts";
import { type Principal, demand } from "../principal.ts";
import type { Throttles } from "./throttles.ts";

/** For whoever may read the registry or call devices. */
export function viewThrottles(throttles: Throttles | undefined, principal: Principal): JsonObject {
  demand(principal, "RegistryRead", "ServiceConnect");
  return throttles?.view() ?? { mode: "off", limits: null, throttles: [], quota: null };
}
