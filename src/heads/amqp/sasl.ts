import { HubError } from "../../domain/errors.ts";
import { rhea } from "./rhea/library.ts";

/** Offered in the order of the real service (spec/amqp §3). */
const mechanisms = ["EXTERNAL", "MSSBCBS", "ANONYMOUS", "PLAIN"] as const;

export type SaslInit =
  /** ANONYMOUS and MSSBCBS: claims follow by put-token. */
  | { readonly kind: "none" }
  /** The client's certificate names it. */
  | { readonly kind: "external" }
  | { readonly kind: "plain"; readonly username: string; readonly password: string }
  | { readonly kind: "unknown"; readonly mechanism: string };

/** The frame that follows the server's SASL header: what is offered, as an array. */
export function writeMechanisms(): Buffer {
  const { frames } = rhea;
  const offer = frames.sasl_mechanisms({ sasl_server_mechanisms: [...mechanisms] });
  return frames.write_frame(frames.sasl_frame(offer));
}

/** The client's choice. Refuses with IotHubFormatError what is no sasl-init frame. */
export function readInit(frame: Buffer): SaslInit {
  const saslFrame = 1;
  const { type, performative } = rhea.frames.read_frame(frame);
  const mechanism = performative?.mechanism;
  if (type !== saslFrame || typeof mechanism !== "string")
    throw new HubError("IotHubFormatError", "The frame is no sasl-init");
  const response = performative?.initial_response;
  switch (mechanism) {
    case "ANONYMOUS":
    case "MSSBCBS":
      return { kind: "none" };
    case "EXTERNAL":
      return { kind: "external" };
    case "PLAIN":
      return Buffer.isBuffer(response) ? readPlain(response) : { kind: "unknown", mechanism };
    default:
      return { kind: "unknown", mechanism: mechanism.slice(0, 40) };
  }
}

/** `[authorisation identity] NUL user name NUL password` (RFC 4616). */
function readPlain(response: Buffer): SaslInit {
  const [, username, password, ...more] = response.toString("utf8").split("\0");
  if (!username || !password || more.length > 0) return { kind: "unknown", mechanism: "PLAIN" };
  return { kind: "plain", username, password };
}

/** 0 for success, which carries `Welcome!` as the real service's does; 1 for whatever is wrong (spec/amqp §3). */
export function writeOutcome(code: 0 | 1): Buffer {
  const { frames } = rhea;
  const extra = code === 0 ? { additional_data: Buffer.from("Welcome!") } : {};
  return frames.write_frame(frames.sasl_frame(frames.sasl_outcome({ code, ...extra })));
}
