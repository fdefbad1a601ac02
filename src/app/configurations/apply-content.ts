import { mergeDeployments } from "../../domain/configurations/deployment.ts";
import { readContent } from "../../domain/configurations/content.ts";
import { HubError } from "../../domain/errors.ts";
import type { JsonObject } from "../../domain/json.ts";
import { applyServicePatch } from "../../domain/twin/apply-desired.ts";
import type { HubContext } from "../context.ts";
import type { Principal } from "../principal.ts";
import { findTwin } from "../twins/find-twin.ts";
import { saveTwinWrite } from "../twins/save-twin-write.ts";
import { demandWrite } from "./configurations.ts";
import { putModules } from "./deploy.ts";

/**
 * Applies content to one device at once: modules of an edge device, or desired properties of any device
 * (spec/semantics §13.4, spec/rest §8.11).
 */
export async function applyConfigurationContent(
  context: HubContext,
  principal: Principal,
  deviceId: string,
  body: JsonObject,
): Promise<void> {
  demandWrite(principal);
  const content = readContent(body);
  await context.store.transaction({ deviceId }, (tx) => {
    const { device, twin } = findTwin(tx, { deviceId });
    switch (content.kind) {
      case "device":
        saveTwinWrite(
          tx,
          { deviceId },
          applyServicePatch(twin, { desired: content.patch }, tx.now),
        );
        return;
      case "module":
        throw new HubError(
          "InvalidConfigurationContent",
          "moduleContent is for configurations: a device takes deviceContent or modulesContent",
        );
      case "edge": {
        if (!device.iotEdge)
          throw new HubError("InvalidOperation", `Device ${deviceId} is not an edge device`);
        const { modules } = content;
        const whole = mergeDeployments([{ id: "", modules }]).modules;
        // Content that is layered has no base to lie on but what is there.
        const some = [...modules].map(([id, placed]) => [id, { kind: "some", placed }] as const);
        putModules(context, tx, deviceId, whole.size > 0 ? whole : new Map(some), () => undefined);
      }
    }
  });
}
