// What the test knows of each device and module: what the hub has acknowledged, and what it must therefore hold.

/** @typedef {import("../generator/client.js").Identity} Identity */
/** @typedef {"mqtt" | "mqtt-ws" | "amqp" | "amqp-ws" | "https"} Protocol */
/** @typedef {Record<string, number>} Values */

/** Problems that are kept in words; others are counted. */
const KEPT = 40;

export class Problems {
  count = 0;
  /** @type {string[]} */
  texts = [];

  /** @param {string} text */
  add(text) {
    this.count++;
    if (this.texts.length < KEPT) this.texts.push(text);
  }
}

/** A growing set of small whole numbers, a bit each. */
export class Bits {
  #bytes = new Uint8Array(64);

  /** True if it was not there. @param {number} n */
  add(n) {
    const at = n >> 3;
    if (at >= this.#bytes.length) {
      const larger = new Uint8Array(Math.max(at + 1, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    const bit = 1 << (n & 7);
    const before = this.#bytes[at] ?? 0;
    this.#bytes[at] = before | bit;
    return (before & bit) === 0;
  }

  /** @param {number} n */
  has(n) {
    return ((this.#bytes[n >> 3] ?? 0) & (1 << (n & 7))) !== 0;
  }
}

/** One section of a twin that one writer writes: what it must be, and what it may be while an answer is missing. */
class Section {
  /** @type {Values} */
  values = {};
  /** @type {number | undefined} */
  version;
  /** @type {Values | undefined} sent, and not answered */
  inFlight;

  /** @param {number} version the section's, as the answer says @param {(text: string) => void} problem */
  acknowledged(version, problem) {
    if (this.inFlight === undefined) return problem(`version ${version} was acknowledged twice`);
    if (this.version !== undefined && version !== this.version + 1)
      problem(`version ${version} came after ${this.version}`);
    this.values = { ...this.values, ...this.inFlight };
    this.version = version;
    this.inFlight = undefined;
  }

  /**
   * The hub's own word on the section. An unanswered write was done or was not.
   *
   * @param {Record<string, unknown>} found with `$version`
   * @param {(text: string) => void} problem
   */
  read({ $version, ...found }, problem) {
    delete found["$metadata"];
    const text = canonical(found);
    const maybe = this.inFlight;
    const version = Number($version);
    if (maybe !== undefined && text === canonical({ ...this.values, ...maybe })) {
      this.values = { ...this.values, ...maybe };
      if (this.version !== undefined && version - this.version > 1)
        problem(`version is ${version}, and was ${this.version} before one unanswered write`);
    } else if (text !== canonical(this.values)) {
      problem(
        `is ${text}, and must be ${canonical(this.values)}${maybe === undefined ? "" : ` or with ${canonical(maybe)}`}`,
      );
    } else if (this.version !== undefined && version !== this.version)
      problem(`version is ${version}, and must be ${this.version}`);
    this.version = version;
    this.inFlight = undefined;
  }
}

/** @param {Record<string, unknown>} values */
function canonical(values) {
  return JSON.stringify(
    Object.fromEntries(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1))),
  );
}

/** A device or module with everything that it was told and has said. */
export class Member {
  identity;
  protocol;
  index;
  #problems;
  #sent = 0;
  acknowledged = new Bits();
  acknowledgedCount = 0;
  #seen = new Bits();
  seenCount = 0;
  reported = new Section();
  desired = new Section();
  tags = new Section();
  /** @type {string | undefined} of the twin, for services */
  etag;
  /** @type {Record<string, unknown> | undefined} the desired properties as deltas have built them since the last read */
  #heard;
  #heardVersion = 0;
  #calls = new Set();
  /** Accepted messages to the device that it has not completed. */
  owed = new Set();
  #completed = new Set();
  /** @type {string[]} settled, and not known to be durable */
  #settling = [];

  /** @param {Identity} identity @param {Protocol} protocol @param {number} index @param {Problems} problems */
  constructor(identity, protocol, index, problems) {
    this.identity = identity;
    this.protocol = protocol;
    this.index = index;
    this.#problems = problems;
  }

  get isModule() {
    return this.identity.moduleId !== "";
  }

  /** `/twins/d/modules/m` and the like. @param {"twins" | "devices"} root */
  path(root) {
    const { deviceId, moduleId } = this.identity;
    return `/${root}/${deviceId}${moduleId === "" ? "" : `/modules/${moduleId}`}`;
  }

  /** The next telemetry message: its number and body. */
  nextMessage() {
    const n = ++this.#sent;
    return {
      n,
      body: `{"i":${this.index},"n":${n},"pad":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}`,
    };
  }

  /** @param {number} n */
  wasAcknowledged(n) {
    if (!this.acknowledged.add(n)) this.problem(`message ${n} was acknowledged twice`);
    else {
      this.acknowledgedCount++;
      // The log's reader may have been faster than the answer.
      if (this.#seen.has(n)) this.seenCount++;
    }
    for (const id of this.#settling.splice(0)) this.#completed.add(id);
  }

  /** The event log has it. @param {number} n */
  wasRead(n) {
    if (n > this.#sent) this.problem(`message ${n} was read, ${this.#sent} were sent`);
    if (!this.#seen.add(n)) this.problem(`message ${n} was read twice`);
    else if (this.acknowledged.has(n)) this.seenCount++;
  }

  /** Numbers that were acknowledged and not read. */
  missing() {
    const missing = [];
    for (let n = 1; n <= this.#sent; n++)
      if (this.acknowledged.has(n) && !this.#seen.has(n)) missing.push(n);
    return missing;
  }

  get sent() {
    return this.#sent;
  }

  /** Its own view of its twin. @param {{ desired: Record<string, unknown>, reported: Record<string, unknown> }} twin */
  readTwin({ desired, reported }) {
    this.reported.read(reported, (text) => this.problem(`reported ${text}`));
    const { $version, ...values } = desired;
    this.#heard = values;
    this.#heardVersion = Number($version);
  }

  /** @param {Record<string, unknown>} change with `$version` */
  heard({ $version, ...change }) {
    const version = Number($version);
    // What was on its way while the twin was read is in it.
    if (this.#heard === undefined || version <= this.#heardVersion) return;
    if (version !== this.#heardVersion + 1)
      this.problem(`desired ${version} was pushed after ${this.#heardVersion}`);
    this.#heardVersion = version;
    Object.assign(this.#heard, change);
  }

  disconnected() {
    this.#heard = undefined;
    // Whether the last settlements arrived is not known any more: they may come again.
    this.#settling = [];
  }

  /** At the end: what deltas have built is what the twin says. @param {Record<string, unknown>} desired */
  checkHeard({ $version, ...desired }) {
    delete desired["$metadata"];
    if (this.#heard === undefined) return;
    if (this.#heardVersion !== Number($version))
      this.problem(
        `desired ${Number($version)} was never pushed, the last one is ${this.#heardVersion}`,
      );
    else if (canonical(this.#heard) !== canonical(desired))
      this.problem(
        `the pushed changes make ${canonical(this.#heard)}, the twin is ${canonical(desired)}`,
      );
  }

  /** @param {string} id */
  wasCalled(id) {
    if (this.#calls.has(id)) this.problem(`method call ${id} came twice`);
    this.#calls.add(id);
  }

  /** @param {string} id */
  hasAnswered(id) {
    return this.#calls.has(id);
  }

  /** A message to the device has come and is settled now. @param {string} id */
  received(id) {
    if (this.#completed.has(id)) this.problem(`message ${id} came again after it was completed`);
    this.owed.delete(id);
    this.#settling.push(id);
  }

  /** @param {string} text */
  problem(text) {
    this.#problems.add(`${this.path("devices")} over ${this.protocol}: ${text}`);
  }
}
