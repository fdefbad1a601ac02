import type { IdentityKey } from "../../api/identities.ts";
import { MessageView } from "../../components/message-view.tsx";

/** What this device with its modules, or this module, sends. */
export function TelemetryTab({ deviceId, moduleId }: IdentityKey) {
  return <MessageView filter={{ deviceId, moduleId, from: "latest" }} />;
}
