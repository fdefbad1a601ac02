import { randomUUID } from "node:crypto";
import { type Command, Option } from "commander";
import type { Json, JsonObject } from "../../domain/json.ts";
import { type RawAnswer, identityPath } from "../client.ts";
import { UsageError } from "../cli-error.ts";
import { type Call, type Result, hubCommand } from "../hub-command.ts";
import { keyOf } from "../identity-work.ts";
import type { Io } from "../io.ts";
import { addMessageOptions, messageBody, messageHeaders } from "../message-input.ts";
import { type GivenOptions, deviceOption } from "../options.ts";

/** `c2d-message send | receive | complete | abandon | reject | purge` and `send-d2c-message`, as `az iot device` has them. */
export function addMessages(program: Command, io: Io): void {
  const group = program.command("c2d-message").description("messages to devices");
  const command = (name: string, text: string): Command =>
    deviceOption(group.command(name).description(text));
  hubCommand(
    addMessageOptions(command("send", "send a message to a device"))
      .addOption(
        new Option("--ack <kind>", "which end of the message to tell the sender").choices([
          "none",
          "positive",
          "negative",
          "full",
        ]),
      )
      .option("--expiry, --expiry-time-utc <milliseconds>", "when it expires, since 1970"),
    io,
    send,
  );
  hubCommand(
    command("receive", "as the device: take its next message for a minute")
      .addOption(new Option("--complete", "and complete it").conflicts(["abandon", "reject"]))
      .addOption(new Option("--abandon", "and give it back").conflicts(["reject"]))
      .option("--reject", "and reject it"),
    io,
    receive,
  );
  for (const how of ["complete", "abandon", "reject"] as const)
    hubCommand(
      command(how, `as the device: ${how} a message that was taken`).requiredOption(
        "-e, --etag <lock>",
        "the message's lock, as receive shows it",
      ),
      io,
      async (call) => settle(call, call.options.required("etag"), how),
    );
  hubCommand(command("purge", "delete all messages that wait"), io, async ({ hub, options }) => ({
    value: await hub.object("DELETE", `${identityPath(keyOf(options))}/commands`),
  }));
  hubCommand(
    addMessageOptions(
      deviceOption(
        program
          .command("send-d2c-message")
          .description("as a device or module: send a message, over HTTPS")
          .option("-m, --module-id <id>", "as this module of the device"),
      ),
    ),
    io,
    async (call) => {
      await call.hub.raw("POST", `${identityPath(keyOf(call.options))}/messages/events`, {
        bytes: messageBody(call),
        headers: messageHeaders(call.options),
      });
      return undefined;
    },
  );
}

const boundPath = (options: GivenOptions): string =>
  `${identityPath({ deviceId: options.required("deviceId") })}/messages/deviceBound`;

async function send(call: Call): Promise<Result> {
  const { hub, options } = call;
  const messageId = options.text("messageId") ?? randomUUID();
  const headers = { ...messageHeaders(options), "iothub-messageid": messageId };
  const expiry = options.text("expiryTimeUtc");
  if (expiry !== undefined && !/^\d{1,15}$/.test(expiry))
    throw new UsageError("--expiry-time-utc must be milliseconds since 1970");
  const ack = options.text("ack");
  await hub.raw("POST", boundPath(options), {
    bytes: messageBody(call),
    headers: {
      ...headers,
      ...(ack === undefined ? {} : { "iothub-ack": ack }),
      ...(expiry === undefined ? {} : { "iothub-expiry": expiry }),
    },
  });
  return { value: { deviceId: options.required("deviceId"), messageId } };
}

async function receive(call: Call): Promise<Result | undefined> {
  const answer = await call.hub.raw("GET", boundPath(call.options));
  if (answer.status === 204) {
    call.io.err("No message waits for the device.\n");
    return undefined;
  }
  const message = messageOf(answer);
  const how = (["complete", "abandon", "reject"] as const).find(
    (each) => call.options.toggle(each) === true,
  );
  if (how !== undefined) await settle(call, message.etag, how);
  return { value: message };
}

async function settle(
  { hub, options }: Call,
  lock: string,
  how: "complete" | "abandon" | "reject",
): Promise<undefined> {
  const path = `${boundPath(options)}/${encodeURIComponent(lock)}`;
  if (how === "abandon") await hub.raw("POST", `${path}/abandon`);
  else await hub.raw("DELETE", path, how === "reject" ? { query: { reject: "" } } : {});
}

/** In the form that `az iot device c2d-message receive` prints. */
function messageOf({ headers, bytes }: RawAnswer): JsonObject & { readonly etag: string } {
  const app: Record<string, Json> = {};
  const system: Record<string, Json> = {};
  for (const [name, value] of Object.entries(headers)) {
    const text = Buffer.from(String(value), "latin1").toString("utf8");
    if (name.startsWith("iothub-app-")) app[name.slice("iothub-app-".length)] = text;
    else if (name.startsWith("iothub-")) system[name] = text;
  }
  return {
    ack: system["iothub-ack"] ?? "none",
    data: bytes.toString("utf8"),
    etag: (headers.etag ?? "").replaceAll('"', ""),
    properties: { app, system },
  };
}
