// What back ends do all the time: patch twins with etags, call methods, send messages, ask queries.

/** @typedef {import("./model.js").Member} Member */
/** @typedef {import("./rest.js").Rest} Rest */

/** Requests that may wait for an answer; beyond, none is made. */
const MAX_WAITING = 128;

/** Statuses of calls that may fail when their target is cut off: offline, and lost on the way. */
const OFFLINE = new Set([404, 504]);

export class Services {
  #rest;
  #problem;
  #waiting = 0;
  #count = 0;
  notMade = 0;
  done = { patches: 0, conflicts: 0, methods: 0, offline: 0, commands: 0, queries: 0 };

  /** @param {Rest} rest @param {(text: string) => void} problem */
  constructor(rest, problem) {
    this.#rest = rest;
    this.#problem = problem;
  }

  get waiting() {
    return this.#waiting;
  }

  /** Patches a desired property, and a tag every second time. @param {Member} member */
  async patch(member) {
    if (member.desired.inFlight !== undefined || this.#isBusy()) return;
    const n = ++this.#count;
    const desired = { [`k${n % 4}`]: n };
    const tags = n % 2 === 0 ? { [`t${n % 3}`]: n } : undefined;
    member.desired.inFlight = desired;
    member.tags.inFlight = tags;
    /** @type {Record<string, string>} */
    const headers = member.etag === undefined ? {} : { "if-match": `"${member.etag}"` };
    const body = JSON.stringify({ ...(tags && { tags }), properties: { desired } });
    const answer = await this.#call(() =>
      this.#rest.call("PATCH", member.path("twins"), { body, headers }),
    );
    // Nobody knows whether it was done: the twin will tell.
    if (answer === undefined) return this.#readAgain(member);
    if (answer.status !== 200) {
      this.#problem(`${member.path("twins")}: PATCH ${answer.status} ${answer.text}`);
      return;
    }
    const twin = JSON.parse(answer.text);
    member.etag = twin.etag;
    member.desired.acknowledged(twin.properties.desired.$version, (text) =>
      member.problem(`desired ${text}`),
    );
    if (tags !== undefined) member.tags.values = { ...member.tags.values, ...tags };
    member.tags.inFlight = undefined;
    this.done.patches++;
    if (n % 16 === 0) await this.#patchStale(member);
  }

  /** A patch with the etag of before must change nothing. @param {Member} member */
  async #patchStale(member) {
    const headers = { "if-match": '"AAAAAAAAAAA="' };
    const body = JSON.stringify({ tags: { stale: 1 } });
    const answer = await this.#call(() =>
      this.#rest.call("PATCH", member.path("twins"), { body, headers }),
    );
    if (answer === undefined) return;
    if (answer.status === 412) this.done.conflicts++;
    else this.#problem(`${member.path("twins")}: a stale etag gave ${answer.status}`);
  }

  /** @param {Member} member */
  async #readAgain(member) {
    const answer = await this.#call(() => this.#rest.call("GET", member.path("twins")));
    if (answer?.status === 200) member.etag = this.takeTwin(member, JSON.parse(answer.text));
    else setTimeout(() => void this.#readAgain(member), 1000);
  }

  /** The service's view of a twin resolves what was not answered. @param {Member} member @param {any} twin */
  takeTwin(member, twin) {
    member.desired.read(twin.properties.desired, (text) => member.problem(`desired ${text}`));
    const version = member.tags.version ?? 0;
    member.tags.version = version;
    member.tags.read({ ...twin.tags, $version: version }, (text) => member.problem(`tags ${text}`));
    return twin.etag;
  }

  /** @param {Member} member @param {boolean} isOnline it was all the time that the call took */
  async invoke(member, isOnline = false) {
    if (this.#isBusy()) return;
    const id = `c${++this.#count}`;
    const body = JSON.stringify({
      methodName: "echo",
      responseTimeoutInSeconds: 20,
      payload: { id },
    });
    const answer = await this.#call(() =>
      this.#rest.call("POST", `${member.path("twins")}/methods`, { body }),
    );
    if (answer === undefined) return;
    if (answer.status === 200) {
      const { status, payload } = JSON.parse(answer.text);
      if (status !== 200 || payload?.id !== id || !member.hasAnswered(id))
        member.problem(`method ${id} was answered with ${answer.text}`);
      this.done.methods++;
    } else if (OFFLINE.has(answer.status) && !isOnline) this.done.offline++;
    else member.problem(`method: ${answer.status} ${answer.text}`);
  }

  /** @param {Member} member a device */
  async command(member) {
    if (member.owed.size >= 20 || this.#isBusy()) return;
    const id = `m${++this.#count}`;
    member.owed.add(id);
    const answer = await this.#call(() =>
      this.#rest.call("POST", `${member.path("devices")}/messages/deviceBound`, {
        body: id,
        type: "application/octet-stream",
        headers: { "iothub-messageid": id },
      }),
    );
    if (answer?.status === 204) this.done.commands++;
    else {
      member.owed.delete(id);
      if (answer !== undefined) member.problem(`message: ${answer.status} ${answer.text}`);
    }
  }

  /** @param {number} modules how many there are */
  async query(modules) {
    if (this.#isBusy()) return;
    const query = "SELECT COUNT() AS n FROM devices.modules";
    const answer = await this.#call(() =>
      this.#rest.call("POST", "/devices/query", { body: JSON.stringify({ query }) }),
    );
    if (answer === undefined) return;
    if (answer.status !== 200 || JSON.parse(answer.text)[0]?.n !== modules)
      this.#problem(`${query}: ${answer.status} ${answer.text}`);
    else this.done.queries++;
  }

  #isBusy() {
    if (this.#waiting < MAX_WAITING) return false;
    this.notMade++;
    return true;
  }

  /**
   * Nothing if the connection was lost.
   *
   * @param {() => Promise<import("./rest.js").Answer>} send
   */
  async #call(send) {
    this.#waiting++;
    try {
      return await send();
    } catch {
      return undefined;
    } finally {
      this.#waiting--;
    }
  }
}
