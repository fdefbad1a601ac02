import type { Milliseconds } from "../../domain/time.ts";

/** Every bound of the head. Sizes in bytes, times in milliseconds. */
export interface AmqpLimits {
  /** Connections of this head at a time; further ones are refused without an answer. */
  readonly connections: number;
  /** The largest frame that is read, and what `open` says of it (spec/amqp §2.1). */
  readonly frameBytes: number;
  /** The largest frame before the peer has opened: SASL with a token in it, and `open`. */
  readonly earlyFrameBytes: number;
  /** Sessions and links of a connection whose peer has not proven itself yet: for put-token two links in one session do. */
  readonly strangerLinks: number;
  /** From accept to `open`, and from there to the first proven claim or attach. */
  readonly openDeadline: Milliseconds;
  /** What `open` asks of the peer; a connection that is silent for twice as long is closed (spec/amqp §2.4). */
  readonly idleTimeOut: Milliseconds;
  /** The shortest idle time-out that a peer may ask for (spec/amqp §2.4). */
  readonly shortestIdleTimeOut: Milliseconds;
  /** Highest channel number; sessions at a time are one more. */
  readonly channelMax: number;
  /** Sessions of one connection. */
  readonly sessions: number;
  /** Links of one connection, over all of its sessions. */
  readonly links: number;
  /** Identities with links on one connection (multiplexing). */
  readonly identities: number;
  /** Claims that put-token may hold on one connection (spec/amqp §4.3: 403). */
  readonly claims: number;
  /** Deliveries of one session that are not settled, each way. */
  readonly unsettled: number;
  /** Deliveries that the hub is working on; then the head stops reading. */
  readonly inFlight: number;
  /** The same limit in bytes of messages. */
  readonly inFlightBytes: number;
  /** Messages of which only a part has come, in bytes over the connection; then it is closed. */
  readonly partialBytes: number;
  /** Credit for telemetry (spec/amqp §2.1). */
  readonly telemetryCredit: number;
  /** Credit for twin requests, method answers and put-token. */
  readonly requestCredit: number;
  /** Device-to-cloud messages (spec/amqp §7.3). */
  readonly telemetryBytes: number;
  /** Twin requests, method answers and put-token requests. */
  readonly requestBytes: number;
  /** What a message may be larger than its link says: headers and types, which the use cases' own limits do not count. */
  readonly envelopeBytes: number;
  /** Bodies of one page of the event log, as a reader takes it; the next page goes by the size of the last one. */
  readonly pageBytes: number;
  /** Messages of one page. */
  readonly pageMessages: number;
  /** Messages in one batch (spec/semantics §10). */
  readonly batchMessages: number;
  /** Twin answers and desired changes that wait for credit, for each identity; then its link is closed. */
  readonly waitingAnswers: number;
  /** Output that the peer has not taken yet: above this, deliveries are held back. */
  readonly outputPause: number;
  /** Output that the peer has not taken yet: above this, the connection ends with `slowReader`. */
  readonly outputBytes: number;
  /** How long a claim outlives its token (spec/amqp §5.3). */
  readonly expiryGrace: Milliseconds;
  /** How long an orderly end waits for requests that were accepted before. */
  readonly drain: Milliseconds;
  /** How long the peer has to close after the head has. */
  readonly linger: Milliseconds;
}

export const defaultLimits: AmqpLimits = {
  connections: 100_000,
  frameBytes: 65_536,
  earlyFrameBytes: 16_384,
  strangerLinks: 16,
  openDeadline: 60_000,
  idleTimeOut: 240_000,
  shortestIdleTimeOut: 5_000,
  channelMax: 8_191,
  sessions: 1_024,
  links: 8_192,
  identities: 1_024,
  claims: 1_024,
  unsettled: 2_048,
  inFlight: 1_024,
  inFlightBytes: 2_097_152,
  partialBytes: 4_194_304,
  telemetryCredit: 1_000,
  requestCredit: 100,
  telemetryBytes: 262_144,
  requestBytes: 262_144,
  envelopeBytes: 65_536,
  pageBytes: 131_072,
  pageMessages: 100,
  batchMessages: 500,
  waitingAnswers: 200,
  outputPause: 262_144,
  outputBytes: 4_194_304,
  expiryGrace: 600_000,
  drain: 1_000,
  linger: 2_000,
};
