import type { CloseReason, DeviceLink, MethodInvocation } from "../../app/ports.ts";
import { HubError } from "../../domain/errors.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { Peer } from "../head.ts";
import { pushDesired } from "./operations/desired-change.ts";
import type { OpenSession } from "./session.ts";

interface DesiredChange {
  readonly change: JsonObject;
  readonly version: number;
}

type State =
  /** The hub counts the connection as open already; its subscriptions are not known here yet. */
  | { readonly name: "connecting"; readonly early: DesiredChange[] }
  | { readonly name: "open"; readonly session: OpenSession }
  | { readonly name: "ended" };

/** What the hub asks of one connection, from the CONNECT that it accepts to the connection's end. */
export class HubLink implements DeviceLink {
  readonly protocol: "mqtt" | "mqtt-ws";
  readonly #earlyDesired: number;
  readonly #close: (reason: CloseReason) => void;
  #state: State = { name: "connecting", early: [] };

  /** `earlyDesired`: changes that may arrive before the connection is open. */
  constructor(
    transport: Peer["transport"],
    earlyDesired: number,
    close: (reason: CloseReason) => void,
  ) {
    this.protocol = transport === "tls" ? "mqtt" : "mqtt-ws";
    this.#earlyDesired = earlyDesired;
    this.#close = close;
  }

  /** CONNACK has been written; whatever the hub has to say follows. */
  opened(session: OpenSession): void {
    const { early } = this.#state.name === "connecting" ? this.#state : { early: [] };
    this.#state = { name: "open", session };
    for (const { change, version } of early) pushDesired(session, change, version);
    session.methods.subscriptionsChanged();
    session.deliveries.start();
  }

  /** Nothing is sent any more but answers to what the client has asked for. */
  ended(): void {
    if (this.#state.name === "open") this.#state.session.deliveries.end();
    this.#state = { name: "ended" };
  }

  pushDesired(change: JsonObject, version: number): void {
    switch (this.#state.name) {
      case "open":
        return pushDesired(this.#state.session, change, version);
      case "connecting":
        if (this.#state.early.length >= this.#earlyDesired) return this.close("slowReader");
        this.#state.early.push({ change, version });
        return;
      case "ended":
        return;
    }
  }

  /** The client has taken what was written to it. */
  outputTaken(): void {
    if (this.#state.name === "open") this.#state.session.deliveries.resume();
  }

  messagesWaiting(): void {
    if (this.#state.name === "open") this.#state.session.deliveries.proceed();
  }

  invoke(invocation: MethodInvocation): () => void {
    if (this.#state.name === "open") return this.#state.session.methods.invoke(invocation);
    throw new HubError("DeviceNotOnline", "The connection is about to end");
  }

  close(reason: CloseReason): void {
    this.#close(reason);
  }
}
