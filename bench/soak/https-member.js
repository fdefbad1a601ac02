// A device or module over HTTPS: single requests, messages to the device by polling.

/** @typedef {import("./model.js").Member} Member */
/** @typedef {import("./rest.js").Rest} Rest */

export class HttpsMember {
  #member;
  #rest;
  isOpen = true;
  opened = Promise.resolve();

  /** @param {Member} member @param {Rest} rest */
  constructor(member, rest) {
    this.#member = member;
    this.#rest = rest;
  }

  sendMessage() {
    const { n, body } = this.#member.nextMessage();
    this.#call("POST", "/messages/events", body).then(
      ({ status, text }) => {
        if (status === 204) this.#member.wasAcknowledged(n);
        else this.#member.problem(`telemetry: ${status} ${text}`);
      },
      () => {},
    );
  }

  /** Takes one message, if there is one, and completes it. */
  async poll() {
    if (this.#member.isModule) return;
    const { status, text, headers } = await this.#call("GET", "/messages/deviceBound");
    if (status === 204) return;
    if (status !== 200) return this.#member.problem(`receive: ${status} ${text}`);
    this.#member.received(text);
    const token = String(headers["etag"]).replaceAll('"', "");
    const settled = await this.#call("DELETE", `/messages/deviceBound/${token}`);
    if (settled.status !== 204) this.#member.problem(`complete: ${settled.status} ${settled.text}`);
  }

  destroy() {}

  /** @param {string} method @param {string} path @param {string} [body] */
  #call(method, path, body) {
    const { password } = this.#member.identity;
    return this.#rest.call(method, `${this.#member.path("devices")}${path}`, {
      body,
      authorization: password,
      type: "application/octet-stream",
    });
  }
}
