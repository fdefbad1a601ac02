import type { Subscription } from "../../app/ports.ts";

/** The will of a CONNECT as it came; whether it counts is decided later (spec/mqtt §2.6). */
export interface Will {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
}

export interface ConnectPacket {
  readonly type: "connect";
  readonly clientId: string;
  readonly clean: boolean;
  /** In seconds; 0 asks for none. */
  readonly keepAlive: number;
  readonly username?: string | undefined;
  readonly password?: Buffer | undefined;
  readonly will?: Will | undefined;
}

/** A CONNECT of another protocol version: only its answer is known (spec/mqtt §1.3). */
export interface UnsupportedConnectPacket {
  readonly type: "unsupportedConnect";
}

export interface PublishPacket {
  readonly type: "publish";
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1;
  /** 1 to 65535, or 0 for QoS 0. */
  readonly packetId: number;
  readonly retain: boolean;
}

export interface PubackPacket {
  readonly type: "puback";
  readonly packetId: number;
}

export interface SubscribePacket {
  readonly type: "subscribe";
  readonly packetId: number;
  /** With the QoS granted: the lower of the one asked for and 1. */
  readonly subscriptions: readonly Subscription[];
}

export interface UnsubscribePacket {
  readonly type: "unsubscribe";
  readonly packetId: number;
  readonly filters: readonly string[];
}

export interface PingreqPacket {
  readonly type: "pingreq";
}

export interface DisconnectPacket {
  readonly type: "disconnect";
}

/** What a client may send. QoS 2 and packets that only servers send do not get this far. */
export type InboundPacket =
  | ConnectPacket
  | UnsupportedConnectPacket
  | PublishPacket
  | PubackPacket
  | SubscribePacket
  | UnsubscribePacket
  | PingreqPacket
  | DisconnectPacket;

/** 0 accepted, 1 wrong protocol version, 3 unavailable, 5 not authorised; 2 and 4 are never sent (spec/mqtt §2.7). */
export type ConnackCode = 0 | 1 | 3 | 5;
