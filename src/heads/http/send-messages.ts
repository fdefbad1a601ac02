import type { IncomingMessage } from "node:http";
import type { z } from "zod";
import type { HubApi } from "../../app/hub.ts";
import type { Clock } from "../../app/ports.ts";
import type { IdentityPrincipal } from "../../app/principal.ts";
import type { NewMessage } from "../../domain/messages/telemetry.ts";
import { readJson } from "./body.ts";
import type { SendFaults } from "./faults.ts";
import { headerPairs, mediaType, readMessageHeaders } from "./message-headers.ts";
import { batchInput, batchMessages, batchType } from "./schemas/messages.ts";

interface SendParts {
  readonly hub: HubApi;
  readonly clock: Clock;
  readonly faults: SendFaults;
}

/** Sends the message or the batch that a request holds; resolves when all is durable (spec/rest §9.2). */
export async function sendMessages(
  { hub, clock, faults }: SendParts,
  sender: IdentityPrincipal,
  request: IncomingMessage,
  body: Uint8Array,
): Promise<void> {
  const { key } = sender;
  faults.check(key, clock.now());
  const messages = messagesOf(request, body).filter(
    (message) => !faults.take(key, message, clock.now()),
  );
  // All are asked for before the first is waited for: they keep their order and share a commit.
  await Promise.all(messages.map((message) => hub.telemetry.send(sender, message)));
}

function messagesOf(request: IncomingMessage, body: Uint8Array): NewMessage[] {
  if (mediaType(request) === batchType)
    return batchMessages(readJson(batchInput, body) as z.output<typeof batchInput>);
  const { system, application } = readMessageHeaders(headerPairs(request));
  return [{ body, system, application }];
}
