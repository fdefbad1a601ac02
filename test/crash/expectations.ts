import { expect } from "vitest";
import type { HubStore } from "../../src/app/ports.ts";
import { keyText, parseKeyText } from "../../src/domain/identity/key.ts";

/** What a writer's lines promise, and the check that a store keeps it. */
export class Expectations {
  readonly #twins = new Map<string, number>();
  readonly #sessions = new Map<string, string>();
  /** False: a deletion had begun. */
  readonly #identities = new Map<string, boolean>();
  readonly #deleted = new Set<string>();
  readonly #messages = new Map<number, Map<number, string>>();
  readonly #queued = new Map<number, boolean>();
  readonly #taken = new Set<number>();
  #lastEvent = 0;
  readonly #eventVersions = new Map<string, number>();
  readonly #lastMessages = new Map<number, number>();
  acknowledged = 0;

  /** Takes one whole line of a writer. */
  heard(line: string): void {
    const [kind, first = "", second = "", third = ""] = line.split(" ");
    if (kind === "ready") return;
    if (kind !== "d" && kind !== "q") this.acknowledged++;
    switch (kind) {
      case "T":
        this.#twins.set(first, Number(second));
        break;
      case "S":
        this.#sessions.set(first, second);
        break;
      case "I":
        this.#identities.set(first, true);
        break;
      case "d":
        this.#identities.set(first, false);
        break;
      case "D":
        this.#deleted.add(first);
        break;
      case "L":
        this.#messagesOf(Number(first)).set(Number(second), third);
        break;
      case "Q":
        this.#queued.set(Number(first), true);
        break;
      case "q":
        this.#queued.set(Number(first), false);
        break;
      case "X":
        this.#taken.add(Number(first));
        break;
      default:
        throw new Error(`An unknown line: ${line}`);
    }
  }

  async check(store: HubStore): Promise<void> {
    await this.#checkEvents(store);
    await this.#checkTwins(store);
    await this.#checkSessions(store);
    await this.#checkIdentities(store);
    await this.#checkQueue(store);
    for (let partition = 0; partition < store.eventLog.partitions; partition++) {
      await this.#checkLog(store, partition);
    }
  }

  /** Sequence numbers without gaps; so are the versions of each twin. */
  async #checkEvents(store: HubStore): Promise<void> {
    const events = await store.events(0, 1_000_000);
    const last = await store.lastEvent();
    const first = events[0]?.sequence ?? last + 1;
    expect(events.map((event) => event.sequence)).toEqual(
      Array.from({ length: last - first + 1 }, (_, n) => first + n),
    );
    expect(last).toBeGreaterThanOrEqual(this.#lastEvent);
    for (const { sequence, event } of events) {
      if (event.type === "identityCreated") expect(event.key.deviceId).not.toBe("refused");
      if (event.type !== "twinChanged") continue;
      const text = keyText(event.key);
      const before = this.#eventVersions.get(text);
      if (sequence > this.#lastEvent && before !== undefined && first <= this.#lastEvent + 1) {
        expect([text, event.version]).toEqual([text, before + 1]);
      }
      this.#eventVersions.set(text, event.version);
    }
    this.#lastEvent = last;
  }

  async #checkTwins(store: HubStore): Promise<void> {
    for (const [text, version] of this.#twins) {
      const twin = await store.transaction(null, (tx) => tx.twin(parseKeyText(text)));
      if (twin === undefined) throw new Error(`The twin of ${text} is lost`);
      expect(twin.version).toBeGreaterThanOrEqual(version);
      expect(twin.version).toBe(twin.etagCounter + twin.reported.version);
      const newest = [twin.tags["n"], twin.reported.value["n"]].map((n) =>
        n === undefined ? 2 : n,
      );
      expect(newest).toContain(twin.version);
      // The event was written with the twin, or neither was.
      expect([text, this.#eventVersions.get(text)]).toEqual([text, twin.version]);
    }
  }

  async #checkSessions(store: HubStore): Promise<void> {
    for (const [text, filter] of this.#sessions) {
      const session = await store.transaction(null, (tx) => tx.session(parseKeyText(text)));
      const found = session?.subscriptions[0]?.filter ?? "";
      expect(comparable(found)).toBeGreaterThanOrEqual(comparable(filter));
    }
  }

  async #checkIdentities(store: HubStore): Promise<void> {
    const found = new Set<string>();
    const counts = await store.transaction(null, (tx) => {
      for (const deviceId of [...this.#identities.keys(), ...this.#deleted]) {
        if (tx.identity({ deviceId, moduleId: "m" }) !== undefined) found.add(deviceId);
      }
      return tx.counts();
    });
    expect(counts.devices).toBe(0);
    for (const [deviceId, kept] of this.#identities) {
      if (kept) expect(found).toContain(deviceId);
    }
    for (const deviceId of this.#deleted) {
      expect(found).not.toContain(deviceId);
      this.#identities.delete(deviceId);
    }
    this.#deleted.clear();
  }

  async #checkQueue(store: HubStore): Promise<void> {
    const items = await store.transaction(null, (tx) => {
      expect(tx.queue("q", 1_000_000).length).toBe(tx.queueLength("q"));
      return tx.queue("q", 1_000_000);
    });
    const found = new Set(items.map((item) => item.sequence));
    for (const [sequence, kept] of this.#queued) if (kept) expect(found).toContain(sequence);
    for (const sequence of this.#taken) {
      expect(found).not.toContain(sequence);
      this.#queued.delete(sequence);
    }
    this.#taken.clear();
  }

  async #checkLog(store: HubStore, partition: number): Promise<void> {
    const info = await store.eventLog.info(partition);
    const rows = await store.eventLog.read(partition, 1, 1_000_000);
    const first = info.firstSequenceNumber;
    expect(rows.map((row) => row.sequenceNumber)).toEqual(
      Array.from({ length: info.lastSequenceNumber - first + 1 }, (_, n) => first + n),
    );
    expect(info.lastSequenceNumber).toBeGreaterThanOrEqual(this.#lastMessages.get(partition) ?? 0);
    this.#lastMessages.set(partition, info.lastSequenceNumber);
    const acknowledged = this.#messagesOf(partition);
    for (const [sequenceNumber, text] of acknowledged) {
      if (sequenceNumber < first) continue;
      const body = rows[sequenceNumber - first]?.message.body;
      expect(new TextDecoder().decode(body).startsWith(text)).toBe(true);
    }
    acknowledged.clear();
  }

  #messagesOf(partition: number): Map<number, string> {
    const found = this.#messages.get(partition) ?? new Map<number, string>();
    this.#messages.set(partition, found);
    return found;
  }
}

/** `round.n` as one number. */
function comparable(filter: string): number {
  const [round, n] = filter.split(".");
  return Number(round) * 1e9 + Number(n);
}
