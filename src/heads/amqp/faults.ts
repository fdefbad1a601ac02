import { type ErrorName, HubError, errorNumbers } from "../../domain/errors.ts";
import { type IdentityKey, keyText } from "../../domain/identity/key.ts";
import type { SasToken } from "../../domain/identity/credentials.ts";
import { audienceCovers, readAudience } from "../../domain/identity/sas.ts";
import type { Fault } from "../../domain/messages/fault.ts";
import type { AddressKind } from "./addresses.ts";
import { type AmqpError, type Condition, describe } from "./errors.ts";
import type { Direction } from "./links/link.ts";
import type { Services } from "./services.ts";

/** Links that a fault detaches; `key` is null for `$cbs`, which all identities of a connection share. */
export interface LinkChoice {
  readonly kind: AddressKind;
  readonly direction: Direction;
  readonly key: IdentityKey | null;
}

/** What a fault does to a connection (spec/amqp §15). Nothing happens if the connection is ending already. */
export interface FaultActions {
  /** Cuts the stream: a TCP reset where the transport can. */
  reset(): void;
  /**
   * Closes the connection: at once if there is no error, else after its sessions have ended with the error and the peer
   * has had `limits.linger` to close by itself.
   */
  close(error: AmqpError | undefined): void;
  /** Ends each session in which the identity has links. */
  endSessions(key: IdentityKey, error: AmqpError): void;
  detach(links: LinkChoice, error: AmqpError): void;
}

/** One fault of one identity. */
type ActiveFault =
  | { readonly name: "delayed"; readonly cancel: () => void }
  | { readonly name: "refusing"; readonly error: ErrorName; readonly cancel: () => void };

/** Close reasons are cut to this many characters: the frame has to fit the smallest maximum that a peer may have. */
const reasonLength = 100;

/** The faults that the identities of one connection have asked for, one at a time for each of them (spec/amqp §15). */
export class Faults {
  readonly #services: Services;
  readonly #actions: FaultActions;
  readonly #active = new Map<string, ActiveFault>();

  constructor(services: Services, actions: FaultActions) {
    this.#services = services;
    this.#actions = actions;
  }

  /**
   * Begins the fault after its delay. Another one that the identity has asked for before goes first, and this one
   * is dropped; so it is when `limits.identities` have one.
   */
  inject(key: IdentityKey, fault: Fault): void {
    const { clock, limits, log } = this.#services;
    const identity = keyText(key);
    const dropped = this.#active.has(identity) || this.#active.size >= limits.identities;
    log.info({ identity, fault: fault.type, dropped }, "AMQP client has asked for a fault");
    if (dropped) return;
    const cancel = clock.after(fault.delay, () => {
      this.#active.delete(identity);
      this.#begin(key, fault);
    });
    this.#active.set(identity, { name: "delayed", cancel });
  }

  /** Refuses telemetry while a fault says so: ThrottlingException, IotHubQuotaExceeded, IotHubUnauthorizedAccess. */
  checkTelemetry(key: IdentityKey): void {
    const fault = this.#active.get(keyText(key));
    if (fault?.name === "refusing") throw refusal(fault.error, keyText(key));
  }

  /** Refuses new links of the identity while a fault says so: IotHubUnauthorizedAccess. */
  checkLink(key: IdentityKey): void {
    if (this.#refusesCredentials(keyText(key))) this.checkTelemetry(key);
  }

  /** Refuses a token for an identity while a fault says so: IotHubUnauthorizedAccess. */
  checkToken({ rawResource }: SasToken): void {
    const audience = readAudience(rawResource, () => true) ?? [];
    for (const identity of this.#active.keys()) {
      const [deviceId = "", moduleId] = identity.split("/");
      const path = ["devices", deviceId, ...(moduleId === undefined ? [] : ["modules", moduleId])];
      if (this.#refusesCredentials(identity) && audienceCovers(audience, path))
        throw refusal("IotHubUnauthorizedAccess", identity);
    }
  }

  /** The connection ends, and with it what was asked for on it. */
  stop(): void {
    for (const { cancel } of this.#active.values()) cancel();
    this.#active.clear();
  }

  #refusesCredentials(identity: string): boolean {
    const fault = this.#active.get(identity);
    return fault?.name === "refusing" && fault.error === "IotHubUnauthorizedAccess";
  }

  #begin(key: IdentityKey, fault: Fault): void {
    const actions = this.#actions;
    const detach = (kind: AddressKind, direction: Direction): void => {
      const links = { kind, direction, key: kind === "cbs" ? null : key };
      actions.detach(links, this.#error("amqp:link:detach-forced", fault));
    };
    switch (fault.type) {
      case "KillTcp":
        return actions.reset();
      case "KillAmqpConnection":
        return actions.close(this.#error("amqp:connection:forced", fault));
      case "ShutDownAmqp":
        return actions.close(undefined);
      case "KillAmqpSession":
        return actions.endSessions(key, this.#error("amqp:link:detach-forced", fault));
      case "KillAmqpCBSLinkReq":
        return detach("cbs", "inbound");
      case "KillAmqpCBSLinkResp":
        return detach("cbs", "outbound");
      case "KillAmqpD2CLink":
        return detach("deviceEvents", "inbound");
      case "KillAmqpC2DLink":
        return detach("deviceBound", "outbound");
      case "KillAmqpTwinLinkReq":
        return detach("twin", "inbound");
      case "KillAmqpTwinLinkResp":
        return detach("twin", "outbound");
      case "KillAmqpMethodReqLink":
        return detach("methods", "outbound");
      case "KillAmqpMethodRespLink":
        return detach("methods", "inbound");
      case "InvokeThrottling":
        return this.#refuse(key, fault, "ThrottlingException");
      case "InvokeMaxMessageQuota":
        return this.#refuse(key, fault, "IotHubQuotaExceeded");
      case "InvokeAuthError":
        return this.#refuse(key, fault, "IotHubUnauthorizedAccess");
      case "ShutDownMqtt":
        return;
    }
  }

  #refuse(key: IdentityKey, { duration }: Fault, error: ErrorName): void {
    const identity = keyText(key);
    const cancel = this.#services.clock.after(duration, () => this.#active.delete(identity));
    this.#active.set(identity, { name: "refusing", error, cancel });
  }

  /** The description is the client's own text (spec/amqp §15), with a tracking id beside it. */
  #error(condition: Condition, { reason }: Fault): AmqpError {
    const text = reason.slice(0, reasonLength) || "As the client has asked for";
    const { ConnectionForcefullyClosedOnFaultInjection: number } = errorNumbers;
    return { ...describe(this.#services, condition, number, text), description: text };
  }
}

function refusal(name: ErrorName, identity: string): HubError {
  return new HubError(name, `A fault that '${identity}' has asked for is in progress`);
}
