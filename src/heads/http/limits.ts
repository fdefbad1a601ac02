import type { Milliseconds } from "../../domain/time.ts";

/** Everything that a caller could make grow, with its bound. Sizes are bytes, times milliseconds. */
export interface HttpLimits {
  /** A body of a twin's PATCH or PUT (spec/semantics §4.3). */
  readonly twinBodyBytes: number;
  /** A body of any other request but a bulk one. */
  readonly bodyBytes: number;
  /** A bulk body: 100 identities with full twins. */
  readonly bulkBodyBytes: number;
  /** A message of a device or module, or a batch of them (spec/semantics §10). */
  readonly telemetryBodyBytes: number;
  /** A message to a device (spec/semantics §9). */
  readonly cloudToDeviceBodyBytes: number;
  /** A direct method's call: its payload of 128 KiB with all that stands around it. */
  readonly methodBodyBytes: number;
  /** An automatic configuration: the desired properties of fifty modules and more. */
  readonly configurationBodyBytes: number;
  /** The list of a blob's blocks: 50,000 of them. */
  readonly blockListBytes: number;
  /** From the first byte of a request to the end of its body, for content of a blob: as long as its signature lives. */
  readonly blobRequestTimeout: Milliseconds;
  /** How long the sender or reader of a blob's content may pause. */
  readonly blobStall: Milliseconds;
  /** Live streams of events. */
  readonly eventStreams: number;
  /** Messages that a stream reads from the log in one step. */
  readonly eventStreamBatch: number;
  /** How often a stream says that it is alive, and its caller is proven again. */
  readonly eventStreamHeartbeat: Milliseconds;
  /** How long a stream waits for a reader that does not read. */
  readonly eventStreamStall: Milliseconds;
  /** Request line and headers together. */
  readonly headerBytes: number;
  readonly connections: number;
  readonly requestsInFlight: number;
  /** Requests of one connection that are not answered yet, which a client has sent without waiting. */
  readonly requestsPerConnection: number;
  /** From the first byte of a request to the end of its headers. */
  readonly headersTimeout: Milliseconds;
  /** From the first byte of a request to the end of its body. */
  readonly requestTimeout: Milliseconds;
  /** How long a reader of a complete answer may pause. */
  readonly responseStall: Milliseconds;
  readonly keepAliveTimeout: Milliseconds;
  /** How often the two request time-outs are looked at. */
  readonly timeoutCheckInterval: Milliseconds;
  /** How long `stop` waits for requests that are running. */
  readonly drainTimeout: Milliseconds;
  readonly webSockets: number;
  /** What a WebSocket's peer may send before it has proven who it is: a CONNECT, or SASL and a token, with room. */
  readonly webSocketStrangerBytes: number;
  /** Frames of one WebSocket message. */
  readonly webSocketFragments: number;
  /** One WebSocket message, reassembled. */
  readonly webSocketMessageBytes: number;
  /** How long a peer has to answer a WebSocket Close. */
  readonly webSocketCloseTimeout: Milliseconds;
}

export const defaultHttpLimits: HttpLimits = {
  twinBodyBytes: 131_072,
  bodyBytes: 131_072,
  bulkBodyBytes: 8_388_608,
  telemetryBodyBytes: 262_144,
  cloudToDeviceBodyBytes: 65_536,
  methodBodyBytes: 262_144,
  configurationBodyBytes: 2_097_152,
  blockListBytes: 8_388_608,
  blobRequestTimeout: 3_600_000,
  blobStall: 30_000,
  eventStreams: 100,
  eventStreamBatch: 100,
  eventStreamHeartbeat: 15_000,
  eventStreamStall: 30_000,
  headerBytes: 16_384,
  connections: 20_000,
  requestsInFlight: 1_000,
  requestsPerConnection: 16,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  responseStall: 30_000,
  keepAliveTimeout: 60_000,
  timeoutCheckInterval: 1_000,
  drainTimeout: 10_000,
  webSockets: 20_000,
  webSocketStrangerBytes: 262_144,
  webSocketFragments: 4_096,
  webSocketMessageBytes: 1_048_576,
  webSocketCloseTimeout: 2_000,
};
