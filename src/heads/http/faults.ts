import { HubError } from "../../domain/errors.ts";
import { type IdentityKey, keyText } from "../../domain/identity/key.ts";
import { type Fault, readFault } from "../../domain/messages/fault.ts";
import type { NewMessage } from "../../domain/messages/telemetry.ts";
import type { Milliseconds } from "../../domain/time.ts";

/** Identities whose sends may fail at the same time by their own wish. */
const maxFaults = 1_000;

interface ActiveFault {
  readonly error: HubError;
  readonly begin: Milliseconds;
  readonly end: Milliseconds;
}

/**
 * Faults that devices and modules ask for over HTTPS, for tests of their recovery: their own sends are refused for a
 * while (spec/rest §10). Other faults concern connections, which HTTPS has none of: such a message is telemetry.
 */
export class SendFaults {
  readonly #enabled: boolean;
  readonly #active = new Map<string, ActiveFault>();

  constructor(enabled: boolean) {
    this.#enabled = enabled;
  }

  /** Refuses while the sender's fault lasts. */
  check(key: IdentityKey, now: Milliseconds): void {
    const fault = this.#active.get(keyText(key));
    if (fault === undefined || now < fault.begin) return;
    if (now < fault.end) throw fault.error;
    this.#active.delete(keyText(key));
  }

  /** True if the message asked for a fault, which begins now or after its delay; it is no telemetry then. */
  take(key: IdentityKey, message: NewMessage, now: Milliseconds): boolean {
    const fault = this.#enabled ? readFault(foldedNames(message.application)) : null;
    const error = fault === null ? null : refusalOf(fault, key);
    if (fault === null || error === null) return false;
    const oldest = this.#active.keys().next().value;
    if (this.#active.size >= maxFaults && oldest !== undefined) this.#active.delete(oldest);
    const begin = now + fault.delay;
    this.#active.set(keyText(key), { error, begin, end: begin + fault.duration });
    return true;
  }
}

function refusalOf({ type }: Fault, key: IdentityKey): HubError | null {
  const text = `'${keyText(key)}' has asked for this fault`.replaceAll(";", " ");
  switch (type) {
    case "InvokeThrottling":
      return new HubError("ThrottlingException", text);
    case "InvokeMaxMessageQuota":
      return new HubError("IotHubQuotaExceeded", text);
    case "InvokeAuthError":
      return new HubError("IotHubUnauthorizedAccess", text);
    default:
      return null;
  }
}

/** Names of headers may have lost their case on the way. */
function foldedNames(
  application: NewMessage["application"],
): Pick<NewMessage["application"], "get"> {
  const folded = new Map([...application].map(([name, value]) => [name.toLowerCase(), value]));
  return { get: (name) => folded.get(name.toLowerCase()) };
}
