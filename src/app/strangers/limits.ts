import type { Milliseconds } from "../../domain/time.ts";

/** What somebody may hold open who has not proven yet who it is, whatever the protocol. Times in milliseconds. */
export interface StrangerLimits {
  /** A TLS handshake, from the accepted connection on (spec/mqtt §1.1). */
  readonly handshakeTimeout: Milliseconds;
  /** From the accepted stream to a CONNECT that is answered, or to the first token or link that is proven. */
  readonly signInTimeout: Milliseconds;
  /** From the first byte of an HTTP request, or from the handshake, to the end of its headers. */
  readonly headersTimeout: Milliseconds;
  /** From the headers of an HTTP request to the end of its body. */
  readonly bodyTimeout: Milliseconds;
  /** Connections of all ports, strangers included. */
  readonly connections: number;
  /** Connections of one address: devices behind one router share theirs. */
  readonly connectionsPerAddress: number;
  /** Connections of all ports whose peers have not proven themselves. */
  readonly strangers: number;
  /** The same of one address. */
  readonly strangersPerAddress: number;
  /** After this time a stranger may be asked to leave when there is no room for another. */
  readonly patience: Milliseconds;
  /** Refused logins of one address and identity within `failureWindow` before answers to further ones wait. */
  readonly failures: number;
  /** The same of one address, whoever it claims to be. */
  readonly failuresPerAddress: number;
  /** The same of one identity, wherever they come from. */
  readonly failuresPerIdentity: number;
  readonly failureWindow: Milliseconds;
  /** Addresses and identities whose refused logins are remembered. */
  readonly trackedFailures: number;
}

export const defaultStrangerLimits: StrangerLimits = {
  handshakeTimeout: 60_000,
  signInTimeout: 60_000,
  headersTimeout: 10_000,
  bodyTimeout: 30_000,
  connections: 100_000,
  connectionsPerAddress: 20_000,
  strangers: 10_000,
  strangersPerAddress: 4_096,
  patience: 5_000,
  failures: 10,
  failuresPerAddress: 100,
  failuresPerIdentity: 100,
  failureWindow: 10_000,
  trackedFailures: 10_000,
};
