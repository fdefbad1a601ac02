import type { MethodInvocation } from "../../app/ports.ts";
import { HubError } from "../../domain/errors.ts";
import { keyText } from "../../domain/identity/key.ts";
import { encodePublish } from "./encode.ts";
import { isSubscribed } from "./filters.ts";
import type { DeviceSession } from "./session.ts";
import { methodTopic, methodTopics } from "./topics.ts";

/** Direct methods of one connection: open calls by the request ids of their topics (spec/mqtt §8). */
export class MethodCalls {
  readonly #session: DeviceSession;
  /** The hub bounds the calls of one connection (`maxMethodsInFlight`). */
  readonly #open = new Map<string, MethodInvocation>();
  #count = 0;
  #ready = false;

  constructor(session: DeviceSession) {
    this.#session = session;
  }

  /** The connection is open, or its subscriptions are other ones now. */
  subscriptionsChanged(): void {
    const { opened, subscriptions } = this.#session;
    const ready =
      isSubscribed(subscriptions, methodTopic("any", "1")) ||
      subscriptions.some(({ filter }) => filter.startsWith(methodTopics));
    if (ready === this.#ready) return;
    this.#ready = ready;
    opened.methodsReady(ready);
  }

  /** Sends the request with QoS 0; refuses with DeviceNotOnline if no filter selects the method. */
  invoke(invocation: MethodInvocation): () => void {
    const { principal, subscriptions } = this.#session;
    const rid = (this.#count + 1).toString(16);
    const topic = methodTopic(invocation.name, rid);
    if (!isSubscribed(subscriptions, topic)) {
      throw new HubError(
        "DeviceNotOnline",
        `'${keyText(principal.key)}' has not subscribed to this method`,
      );
    }
    this.#count++;
    this.#open.set(rid, invocation);
    this.#session.write(encodePublish(topic, invocation.payload));
    return () => this.#open.delete(rid);
  }

  /** An answer. Those to calls that are unknown, over or of an earlier connection are ignored (spec/mqtt §5.2). */
  answered(status: number, rid: string | undefined, payload: Buffer): void {
    // One client writes the digits in upper case.
    const invocation = rid === undefined ? undefined : this.#open.get(rid.toLowerCase());
    if (invocation !== undefined) return invocation.answer(status, payload.toString());
    const { services, principal } = this.#session;
    services.log.debug(
      { ...principal.key, status, bytes: payload.length },
      "a method response to no open call was ignored",
    );
  }
}
