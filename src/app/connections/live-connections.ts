import { type IdentityKey, keyText } from "../../domain/identity/key.ts";
import type { Milliseconds } from "../../domain/time.ts";
import type { EndedConnection } from "../hub.ts";
import type { DeviceLink } from "../ports.ts";
import type { IdentityPrincipal } from "../principal.ts";

/** One live connection of this node. */
export interface LiveConnection {
  readonly id: string;
  /** As last proven: a connection of AMQP outlives its tokens. */
  principal: IdentityPrincipal;
  readonly link: DeviceLink;
  readonly since: Milliseconds;
  /** What the client announced when connecting, or "". */
  readonly modelId: string;
  /** The one of its identity: no newer one has taken its place, and it has not ended. */
  current: boolean;
  /** The last message sent or received; written to the store when the connection ends. */
  lastActivityTime: Milliseconds;
  /** The client takes direct methods: it has subscribed to them. */
  methodsReady: boolean;
  /** What to call for each open direct method when the connection ends. */
  readonly methods: Set<() => void>;
}

/** Calls that may wait for one identity to connect. */
const maxWaiting = 100;

/** Ends of connections that are remembered. */
const maxEnded = 1000;

type MethodsReady = (connection: LiveConnection) => void;

/** The live connections of this node: at most one per identity. */
export class LiveConnections {
  readonly #byKey = new Map<string, LiveConnection>();
  /** Connected identities by device, so that a device takes its modules down with it. */
  readonly #byDevice = new Map<string, Set<string>>();
  #ended: EndedConnection[] = [];
  readonly #waiting = new Map<string, Set<MethodsReady>>();
  #devices = 0;

  get(key: IdentityKey): LiveConnection | undefined {
    return this.#byKey.get(keyText(key));
  }

  /** Makes `connection` the one of its identity; gives back the one it replaces. */
  put(connection: LiveConnection): LiveConnection | undefined {
    const { key } = connection.principal;
    const text = keyText(key);
    const older = this.#byKey.get(text);
    this.#byKey.set(text, connection);
    connection.current = true;
    if (older !== undefined) {
      older.current = false;
      return older;
    }
    if (key.moduleId === undefined) this.#devices++;
    const ofDevice = this.#byDevice.get(key.deviceId);
    if (ofDevice === undefined) this.#byDevice.set(key.deviceId, new Set([text]));
    else ofDevice.add(text);
    return undefined;
  }

  /** Forgets `connection`; false if it was no longer the one of its identity. */
  remove(connection: LiveConnection): boolean {
    const { key } = connection.principal;
    const text = keyText(key);
    if (this.#byKey.get(text) !== connection) return false;
    this.#byKey.delete(text);
    connection.current = false;
    if (key.moduleId === undefined) this.#devices--;
    const ofDevice = this.#byDevice.get(key.deviceId);
    ofDevice?.delete(text);
    if (ofDevice?.size === 0) this.#byDevice.delete(key.deviceId);
    return true;
  }

  /** The client of `connection` has subscribed to direct methods, or has ended that. */
  setMethodsReady(connection: LiveConnection, ready: boolean): void {
    connection.methodsReady = ready;
    const text = keyText(connection.principal.key);
    if (!ready || this.#byKey.get(text) !== connection) return;
    const waiting = this.#waiting.get(text);
    this.#waiting.delete(text);
    for (const listener of waiting ?? []) listener(connection);
  }

  /** Calls back once when the identity takes direct methods; null if too many wait already. The result forgets it. */
  onMethodsReady(key: IdentityKey, listener: MethodsReady): (() => void) | null {
    const text = keyText(key);
    const waiting = this.#waiting.get(text) ?? new Set();
    if (waiting.size >= maxWaiting) return null;
    this.#waiting.set(text, waiting.add(listener));
    return () => {
      waiting.delete(listener);
      if (waiting.size === 0 && this.#waiting.get(text) === waiting) this.#waiting.delete(text);
    };
  }

  /** The connections of a device and of its modules. */
  ofDevice(deviceId: string): LiveConnection[] {
    const found: LiveConnection[] = [];
    for (const text of this.#byDevice.get(deviceId) ?? []) {
      const connection = this.#byKey.get(text);
      if (connection !== undefined) found.push(connection);
    }
    return found;
  }

  all(): LiveConnection[] {
    return [...this.#byKey.values()];
  }

  /** Remembers how a connection ended; the oldest are forgotten. */
  recordEnd(ended: EndedConnection): void {
    this.#ended.push(ended);
    // Seldom, because everything that stays is moved.
    if (this.#ended.length >= 2 * maxEnded) this.#ended = this.#ended.slice(-maxEnded);
  }

  /** Newest first. */
  ended(): EndedConnection[] {
    return this.#ended.slice(-maxEnded).toReversed();
  }

  /** Connected devices and modules. */
  get count(): number {
    return this.#byKey.size;
  }

  /** Connected devices, without modules. */
  get deviceCount(): number {
    return this.#devices;
  }
}
