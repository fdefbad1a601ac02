import { HubError, argumentInvalid } from "../../../domain/errors.ts";
import type { IdentityKey } from "../../../domain/identity/key.ts";
import { maxCloudToDeviceSize } from "../../../domain/messages/c2d-queue.ts";
import { parseAddress } from "../addresses.ts";
import { readNewCommand } from "../codec/new-command.ts";
import { admitService } from "./service-caller.ts";
import { type InboundLink, type LinkContext, accepted } from "./link.ts";

/** Services send messages to devices here; each names its device in `to` (spec/amqp §12.1). */
export async function openServiceCommands(context: LinkContext): Promise<InboundLink> {
  const { hub, limits } = context.services;
  const { principal, leave } = await admitService(context, "/messages/devicebound");
  return {
    direction: "inbound",
    maxMessageSize: maxCloudToDeviceSize,
    credit: limits.requestCredit,
    async receive(delivery) {
      const message = delivery.decode();
      const { deviceId } = recipient(message.to);
      await hub.cloudToDevice.send(principal, deviceId, readNewCommand(message));
      return { outcome: accepted };
    },
    ended: leave,
  };
}

function recipient(to: string | undefined): IdentityKey {
  const address = parseAddress(to ?? "");
  if (address.kind !== "deviceBound")
    throw argumentInvalid(
      "A message needs a property 'to' of the form /devices/{id}/messages/devicebound",
    );
  if (address.key.moduleId !== undefined)
    throw new HubError("GenericNotFound", "Modules take no cloud-to-device messages");
  return address.key;
}
