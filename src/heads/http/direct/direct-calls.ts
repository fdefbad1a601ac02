import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { HubApi } from "../../../app/hub.ts";
import type { Counter, Meter } from "../../../app/meter.ts";
import type { Clock, Log, Random } from "../../../app/ports.ts";
import type { Principal } from "../../../app/principal.ts";
import type { TwinResource } from "../../../app/twins/twin-resource.ts";
import { parsePrecondition } from "../../../domain/identity/etag.ts";
import { parseTwinObject } from "../../../domain/twin/parse.ts";
import { proven, tokenOf } from "../auth.ts";
import { bodyText } from "../body.ts";
import type { SendFaults } from "../faults.ts";
import type { HttpLimits } from "../limits.ts";
import { sendMessages } from "../send-messages.ts";
import type { DirectFailures } from "./failures.ts";
import { readBody } from "./request-body.ts";
import { type DirectTarget, directTarget } from "./target.ts";

export interface DirectParts {
  readonly hub: HubApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits: HttpLimits;
  readonly faults: SendFaults;
  readonly failures: DirectFailures;
  readonly isOwnHost: (header: string | undefined) => boolean;
  isStopping(): boolean;
  /** Lets the framework answer. */
  handOver(request: IncomingMessage, response: ServerResponse): void;
  /** Before a body is waited for. */
  limitBodyTime(request: IncomingMessage): void;
}

interface Work {
  readonly target: DirectTarget;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly id: string;
  readonly began: number;
  /** Once proven. */
  principal: Principal | null;
}

/** What a call is answered with: a twin, or nothing. */
type Outcome = TwinResource | undefined;

/**
 * Answers what comes most, twins for services and messages of devices and modules, without the framework, which takes
 * longer than the hub for them. Only what is spelled as usual and succeeds: everything else is handed over, a failure with
 * its reason, so that each check and each error has one place. The order of checks is the same (README.md).
 */
export class DirectCalls {
  readonly #parts: DirectParts;
  readonly #answered = new Map<string, Counter>();

  constructor(parts: DirectParts) {
    this.#parts = parts;
  }

  /** False for a request that it leaves to the framework, untouched. */
  take(request: IncomingMessage, response: ServerResponse): boolean {
    const target = directTarget(request.method ?? "", request.url ?? "");
    if (target === undefined) return false;
    const { headers } = request;
    const { authorization } = headers;
    if (authorization === undefined || !this.#parts.isOwnHost(headers.host)) return false;
    if (!hasUsualBody(headers, this.#mostBytes(target))) return false;
    const id = this.#parts.random.uuid();
    const work = {
      target,
      request,
      response,
      id,
      began: this.#parts.meter.seconds(),
      principal: null,
    };
    void this.#serve(work, authorization);
    return true;
  }

  /** Bytes of the body; a read has none. */
  #mostBytes({ call }: DirectTarget): number {
    const { twinBodyBytes, telemetryBodyBytes } = this.#parts.limits;
    switch (call) {
      case "getTwin":
        return 0;
      case "patchTwin":
      case "replaceTwin":
        return twinBodyBytes;
      case "sendMessages":
        return telemetryBodyBytes;
    }
  }

  async #serve(work: Work, authorization: string): Promise<void> {
    const { request, response, id } = work;
    try {
      this.#answer(work, await this.#outcome(work, authorization));
    } catch (thrown) {
      this.#parts.failures.add(request, { id, principal: work.principal, thrown });
      this.#parts.handOver(request, response);
    }
  }

  async #outcome(work: Work, authorization: string): Promise<Outcome> {
    const { hub, log } = this.#parts;
    const { target, request, id } = work;
    const { call, key, path } = target;
    const { socket } = request;
    const asked = { id, socket, path: () => path };
    if (call === "sendMessages") {
      const sender = await proven(log, asked, async () => {
        const token = tokenOf(socket, authorization);
        return hub.auth.call({ key, credential: { kind: "sas", token } });
      });
      work.principal = sender;
      await sendMessages(this.#parts, sender, request, await this.#body(request));
      return undefined;
    }
    const caller = await proven(log, asked, async () =>
      hub.auth.request(tokenOf(socket, authorization), path),
    );
    work.principal = caller;
    if (call === "getTwin") return hub.twins.get(caller, key);
    const body = parseTwinObject(bodyText(await this.#body(request)));
    const precondition = parsePrecondition(request.headers["if-match"]);
    return call === "patchTwin"
      ? hub.twins.patch(caller, key, body, precondition)
      : hub.twins.replace(caller, key, body, precondition);
  }

  #body(request: IncomingMessage): Promise<Buffer> {
    this.#parts.limitBodyTime(request);
    return readBody(request);
  }

  #answer(work: Work, outcome: Outcome): void {
    const { response, id } = work;
    const headers = ["x-ms-request-id", id, "cache-control", "no-store"];
    if (this.#parts.isStopping()) headers.push("connection", "close");
    if (outcome === undefined) {
      response.writeHead(204, headers);
      response.end();
    } else {
      const { etag, text } = outcome;
      headers.push("etag", `"${etag}"`, "content-type", "application/json; charset=utf-8");
      headers.push("content-length", String(Buffer.byteLength(text)));
      response.writeHead(200, headers);
      response.end(text);
    }
    this.#tell(work);
  }

  #tell({ target, request, response, id, began }: Work): void {
    const { log, meter } = this.#parts;
    const { method = "" } = request;
    const status = response.statusCode;
    const ms = Math.round((meter.seconds() - began) * 1000);
    log.debug({ requestId: id, method, path: target.path, status, ms }, "request answered");
    let answered = this.#answered.get(method);
    if (answered === undefined) {
      const labels = { method, status: String(status) };
      answered = meter.counter("twinhub_http_requests_total", labels);
      this.#answered.set(method, answered);
    }
    answered.add(1);
  }
}

/** Bodies of a declared length that is allowed, as all known clients send them; nothing that changes what a request is. */
function hasUsualBody(headers: IncomingHttpHeaders, most: number): boolean {
  const length = headers["content-length"];
  const isShort = length === undefined || (/^\d{1,9}$/.test(length) && Number(length) <= most);
  return (
    isShort &&
    headers["transfer-encoding"] === undefined &&
    headers["x-http-method-override"] === undefined
  );
}
