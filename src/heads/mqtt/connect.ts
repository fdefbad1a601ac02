import { HubError } from "../../domain/errors.ts";
import type { Credential } from "../../domain/identity/credentials.ts";
import { type IdentityKey, keyText } from "../../domain/identity/key.ts";
import type { DeviceLink } from "../../app/ports.ts";
import type { IdentityPrincipal } from "../../app/principal.ts";
import { parseSasToken } from "../../wire/sas-token.ts";
import type { Peer } from "../head.ts";
import { meaningOf } from "./errors.ts";
import { readWill } from "./operations/will.ts";
import type { ConnackCode, ConnectPacket } from "./packets.ts";
import type { Services } from "./services.ts";
import type { Accepted } from "./session.ts";
import { telemetryTopic } from "./topics.ts";
import { type Username, parseUsername } from "./username.ts";

export type ConnectOutcome =
  | { readonly kind: "accepted"; readonly accepted: Accepted }
  | {
      readonly kind: "refused";
      readonly code: Exclude<ConnackCode, 0>;
      /** How long the answer is to wait, in milliseconds. */
      readonly delay: number;
    };

/** Authenticates a CONNECT and makes `link` the identity's one connection (spec/mqtt §2.9). Never rejects. */
export async function connect(
  services: Services,
  peer: Peer,
  link: DeviceLink,
  packet: ConnectPacket,
): Promise<ConnectOutcome> {
  const { hub, log } = services;
  const { clean } = packet;
  try {
    const { key, modelId } = readUsername(packet);
    checkClientId(packet, key);
    const credential = chooseCredential(packet, peer);
    const principal = await hub.auth.identity({ key, credential });
    const ownTopic = telemetryTopic(key);
    const will = readWill(packet.will, ownTopic, keyText(key), log);
    const keepAlive = keepAliveOf(services, packet);
    const expires = expiryOf(services, principal);
    const opened = await hub.connections.open(principal, link, { clean, modelId });
    return { kind: "accepted", accepted: { opened, clean, keepAlive, expires, ownTopic, will } };
  } catch (error) {
    return refuse(services, peer, packet, error);
  }
}

function readUsername({ username }: ConnectPacket): Username {
  const parsed = username === undefined ? undefined : parseUsername(username);
  if (parsed === undefined)
    throw unauthorized("The user name is not {host}/{device}[/{module}]/?…");
  return parsed;
}

function checkClientId({ clientId }: ConnectPacket, key: IdentityKey): void {
  if (clientId !== keyText(key))
    throw unauthorized("The client id is not that of the user name's device or module");
}

/** A password is a token; without one a certificate counts. */
function chooseCredential({ password }: ConnectPacket, peer: Peer): Credential {
  if (password !== undefined && password.length > 0)
    return { kind: "sas", token: parseSasToken(password.toString()) };
  if (peer.certificate !== undefined) return { kind: "certificate", certificate: peer.certificate };
  return { kind: "nothing" };
}

function keepAliveOf({ limits }: Services, { keepAlive }: ConnectPacket): number {
  // [MQTT-3.1.2-24] One and a half times; 0 asks for none and gets the cap.
  return keepAlive === 0 ? limits.keepAliveCap : Math.min(keepAlive * 1_500, limits.keepAliveCap);
}

function expiryOf({ limits }: Services, { expires }: IdentityPrincipal): number {
  return expires === null ? Number.POSITIVE_INFINITY : expires + limits.expiryGrace;
}

function unauthorized(message: string): HubError {
  return new HubError("IotHubUnauthorizedAccess", message);
}

function refuse(
  { log, failedLogins }: Services,
  peer: Peer,
  { clientId }: ConnectPacket,
  error: unknown,
): ConnectOutcome {
  const { connack } = meaningOf(error);
  // Longer texts are no ids, and would cost memory.
  const claimed = clientId.length <= 257 ? clientId : "";
  const fields = { address: peer.address, clientId: claimed, code: connack };
  if (error instanceof HubError)
    log.info({ ...fields, error: error.name, detail: error.message }, "CONNECT refused");
  else log.error({ ...fields, err: error }, "CONNECT failed");
  return { kind: "refused", code: connack, delay: failedLogins.refused(peer.address, claimed) };
}
