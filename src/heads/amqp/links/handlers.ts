import { openManagementReplies, openManagementRequests } from "../event-hubs/management.ts";
import { openPartition } from "../event-hubs/partition.ts";
import { openEventsRedirect } from "../event-hubs/redirect.ts";
import { openCbsReplies, openCbsRequests } from "./cbs.ts";
import { openCommands } from "./device-commands.ts";
import { openInputs } from "./device-inputs.ts";
import { openMethodAnswers, openMethodRequests } from "./device-methods.ts";
import { openTelemetry } from "./device-telemetry.ts";
import { openTwinAnswers, openTwinRequests } from "./device-twin.ts";
import { openServiceCommands } from "./service-commands.ts";
import { openFeedback, openFileNotifications } from "./service-messages.ts";
import type { Attach, Direction, LinkContext, OpenHandler, OpenLink } from "./link.ts";
import { unknownAddress } from "../errors.ts";
import type { Address } from "../addresses.ts";

/** Finds the handler by address and direction; refuses with amqp:not-found where there is none (spec/amqp §6.2). */
export async function openLink(context: LinkContext, attach: Attach): Promise<OpenLink> {
  const handler = handlerOf(attach.address, attach.direction);
  if (handler === undefined) throw unknownAddress(context.services, attach.addressText);
  return handler(context, attach);
}

function handlerOf(address: Address, direction: Direction): OpenHandler | undefined {
  const inbound = direction === "inbound";
  switch (address.kind) {
    case "cbs":
      return inbound ? openCbsRequests : openCbsReplies;
    case "deviceEvents":
      if (inbound) return openTelemetry;
      return address.key.moduleId === undefined ? undefined : openInputs;
    case "deviceBound":
      return inbound ? undefined : openCommands;
    case "methods":
      return inbound ? openMethodAnswers : openMethodRequests;
    case "twin":
      return inbound ? openTwinRequests : openTwinAnswers;
    case "serviceDeviceBound":
      return inbound ? openServiceCommands : undefined;
    case "feedback":
      return inbound ? undefined : openFeedback;
    case "fileNotifications":
      return inbound ? undefined : openFileNotifications;
    case "eventsRedirect":
      return inbound ? undefined : openEventsRedirect;
    case "management":
      return inbound ? openManagementRequests : openManagementReplies;
    case "partition":
      return inbound ? undefined : openPartition;
    case "unknown":
      return undefined;
  }
}
