import type { Milliseconds } from "../../domain/time.ts";

/** Every bound of the head. Sizes in bytes, times in milliseconds. */
export interface MqttLimits {
  /** Connections of this head at a time; further ones are refused without an answer. */
  readonly connections: number;
  /** One packet with its header: a body of 262,144, a topic of 65,535 and head room (spec/mqtt §1.3). */
  readonly packetBytes: number;
  /** The first packet, from a peer that nobody knows yet. */
  readonly connectPacketBytes: number;
  /** From accept to a complete CONNECT and its answer (spec/mqtt §1.1). */
  readonly connectDeadline: Milliseconds;
  /** The longest silence whatever keep-alive was asked for (spec/mqtt §2.5). */
  readonly keepAliveCap: Milliseconds;
  /** How long a connection outlives its token (spec/mqtt §9.1). */
  readonly expiryGrace: Milliseconds;
  /** Requests that are being worked on; then the head stops reading (spec/mqtt §12). */
  readonly inFlight: number;
  /** The same limit in bytes of packets. */
  readonly inFlightBytes: number;
  /** Output that the peer has not taken yet; then the connection ends with `slowReader`. */
  readonly outputBytes: number;
  /** Subscriptions of one session (spec/mqtt §10.2). */
  readonly filters: number;
  /** Desired changes that arrive while a CONNECT is being answered. */
  readonly earlyDesired: number;
  /** Messages to a device that it has not acknowledged yet (spec/mqtt §6.3). */
  readonly deliveries: number;
  /** Output that the peer has not taken yet and at which messages to it wait. */
  readonly deliveryBacklog: number;
  /** How long messages wait for the client of a stored session to subscribe again; 0 is not at all (spec/mqtt §3.3). */
  readonly storedHold: Milliseconds;
  /** How long an orderly end waits for requests that were accepted before (spec/mqtt §4.3). */
  readonly drain: Milliseconds;
  /** How long the peer has to close after the head has. */
  readonly linger: Milliseconds;
}

export const defaultLimits: MqttLimits = {
  connections: 100_000,
  packetBytes: 262_144 + 65_535 + 16,
  connectPacketBytes: 131_072,
  connectDeadline: 60_000,
  keepAliveCap: 1_767_000,
  expiryGrace: 600_000,
  inFlight: 16,
  inFlightBytes: 1_048_576,
  outputBytes: 1_048_576,
  filters: 50,
  earlyDesired: 64,
  deliveries: 10,
  deliveryBacklog: 262_144,
  storedHold: 2_000,
  drain: 1_000,
  linger: 2_000,
};
